import assert from "node:assert/strict";
import type { Result } from "./results.ts";
import { judgeSkips, type TestNode } from "./skips.ts";

const NEW: TestNode = { containerd: "2.3", kernelRelease: "6.1.0" };

function skipped(reason: string): Result {
  return { outcome: "skipped", seconds: 0, name: "a test", reason };
}

function outcome(reason: string, node: TestNode): Result["outcome"] | undefined {
  return judgeSkips([skipped(reason)], node)[0]?.outcome;
}

const users = "no runtime handler found which supports user namespaces";
const readonly = "runtime does not implement recursive readonly mounts";

Deno.test("judgeSkips() takes no kernel without AppArmor amiss", () => {
  assert.equal(outcome("AppArmor is disabled on this host", NEW), "skipped");
});

Deno.test("judgeSkips() fails what a node could do and doesn't announce", () => {
  assert.equal(outcome(users, NEW), "failed");
  assert.equal(outcome(readonly, NEW), "failed");
});

Deno.test("judgeSkips() lets an old node be old", () => {
  assert.equal(outcome(users, { ...NEW, containerd: "1.6" }), "skipped");
  assert.equal(outcome(readonly, { ...NEW, containerd: "1.6" }), "failed");
  assert.equal(outcome(readonly, { ...NEW, kernelRelease: "5.10.0" }), "skipped");
});

Deno.test("judgeSkips() leaves passes and failures alone", () => {
  const results = [
    { ...skipped(""), outcome: "passed" as const },
    { ...skipped("broken"), outcome: "failed" as const },
  ];
  assert.deepEqual(judgeSkips(results, NEW), results);
});
