/** What `deno test` and the suite print, read back. */
import assert from "node:assert/strict";
import { ofCommand, ofDenoTest, ofSuite } from "./outcome.ts";

const PASSED = `running 3 tests from ./src/a_test.ts
runs ... ok (1ms)
needs Go (skipped: no Go here) ... ignored (0ms)

ok | 2 passed (1 step) | 0 failed | 1 ignored (148ms)
`;

const FAILED = `running 1 test from ./src/a_test.ts
fails ... FAILED (1ms)

 ERRORS 

fails => ./src/a_test.ts:4:6
error: AssertionError

FAILED | 2 passed (1 step) | 5 failed (1 step) | 1 ignored (148ms)
`;

Deno.test("ofDenoTest() counts from the last line and takes reasons from the names", () => {
  assert.deepEqual(ofDenoTest({ code: 0, output: PASSED }), {
    passed: 2,
    failed: 0,
    skips: ["needs Go (skipped: no Go here)"],
    failures: "",
  });
});

Deno.test("ofDenoTest() shows the errors, not the tests that passed before them", () => {
  const { passed, failed, failures } = ofDenoTest({ code: 1, output: FAILED });
  assert.deepEqual([passed, failed], [2, 5]);
  assert.match(failures, /^ERRORS/);
  assert.match(failures, /AssertionError/);
});

Deno.test("ofDenoTest() counts a run that ended without a count as failed", () => {
  const { passed, failed, failures } = ofDenoTest({ code: 1, output: "error: type error" });
  assert.deepEqual([passed, failed, failures], [0, 1, "error: type error"]);
  assert.equal(ofDenoTest({ code: 0, output: "" }).failed, 1);
});

Deno.test("ofDenoTest() counts a run that failed with every test passed as failed", () => {
  assert.equal(ofDenoTest({ code: 1, output: PASSED }).failed, 1);
});

Deno.test("ofSuite() reads counts and SKIP lines", () => {
  const output = "SKIP seccomp: no support\n7 passed, 0 failed, 1 skipped\n";
  assert.deepEqual(ofSuite({ code: 0, output }), {
    passed: 7,
    failed: 0,
    skips: ["seccomp: no support"],
    failures: "",
  });
  assert.equal(ofSuite({ code: 0, output: "died" }).failed, 1);
});

Deno.test("ofCommand() keeps the end of a long output", () => {
  const output = Array.from({ length: 1000 }, (_, line) => `line ${line}`).join("\n");
  const { failures } = ofCommand({ code: 1, output });
  assert.match(failures, /line 999$/);
  assert.match(failures, /^\(600 lines before\)/);
});
