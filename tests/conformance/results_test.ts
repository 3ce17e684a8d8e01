import assert from "node:assert/strict";
import { readResults, summarize, toTsv } from "./results.ts";

function spec(name: string, state: string, message?: string, type = "It"): object {
  return {
    LeafNodeType: type,
    LeafNodeText: name,
    ContainerHierarchyTexts: ["[k8s.io] Pods", "runtime"],
    State: state,
    RunTime: 1_250_000_000,
    ...message === undefined ? {} : { Failure: { Message: message } },
  };
}

function report(...specs: object[]): string {
  return JSON.stringify([{ SpecReports: specs }]);
}

Deno.test("readResults() sorts tests by name and puts reasons on one line", () => {
  const results = readResults(report(
    spec("should stop", "failed", "timed out\n  after 2s"),
    spec("should run", "passed"),
  ));
  assert.deepEqual(results, [
    { outcome: "passed", seconds: 1.25, name: "[k8s.io] Pods runtime should run", reason: "" },
    {
      outcome: "failed",
      seconds: 1.25,
      name: "[k8s.io] Pods runtime should stop",
      reason: "timed out after 2s",
    },
  ]);
});

Deno.test("readResults() counts a test that skipped itself, not one that was filtered out", () => {
  const results = readResults(report(
    spec("needs AppArmor", "skipped", "no AppArmor"),
    spec("is out of focus", "skipped"),
  ));
  assert.deepEqual(results.map(({ outcome, reason }) => [outcome, reason]), [
    ["skipped", "no AppArmor"],
  ]);
});

Deno.test("readResults() counts what panicked, was interrupted or failed outside of tests", () => {
  const results = readResults(report(
    spec("panics", "panicked"),
    spec("is cut off", "interrupted", "SIGTERM"),
    spec("set-up", "failed", "no socket", "BeforeSuite"),
    spec("set-up that works", "passed", undefined, "BeforeSuite"),
  ));
  assert.deepEqual(results.map(({ outcome }) => outcome), ["failed", "failed", "failed"]);
});

Deno.test("readResults() takes a suite without tests, whose list Go writes as null", () => {
  assert.deepEqual(readResults('[{"SpecReports": null}]'), []);
});

Deno.test("summarize() ends with the count", () => {
  const results = readResults(report(
    spec("a", "passed"),
    spec("b", "failed", "broken"),
    spec("c", "skipped", "not here"),
  ));
  assert.equal(
    summarize(results),
    "SKIP [k8s.io] Pods runtime c: not here\n" +
      "FAIL [k8s.io] Pods runtime b: broken\n" +
      "1 passed, 1 failed, 1 skipped\n",
  );
});

Deno.test("toTsv() writes a line a test", () => {
  const results = readResults(report(spec("a", "passed"), spec("b", "failed", "broken")));
  assert.equal(
    toTsv(results),
    "passed\t1.3\t[k8s.io] Pods runtime a\t\nfailed\t1.3\t[k8s.io] Pods runtime b\tbroken\n",
  );
});
