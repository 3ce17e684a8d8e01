import assert from "node:assert/strict";
import { summary } from "./profile.ts";

Deno.test("summary() says which functions took the most time, and how busy it was", () => {
  const frame = (functionName: string, url = "", lineNumber = -1) => {
    return { functionName, url, lineNumber };
  };
  const profile = {
    nodes: [
      { id: 1, callFrame: frame("(idle)") },
      { id: 2, callFrame: frame("work", "file:///home/src/pods/run.ts", 41) },
      { id: 3, callFrame: frame("", "ext:core/01_core.js", 0) },
    ],
    samples: [1, 2, 3, 2],
    timeDeltas: [7_000, 2_000, 1_000, 3_000],
  };
  assert.deepEqual(summary(profile).split("\n"), [
    "busy for 6 ms of 13",
    "       5 ms  work src/pods/run.ts:42",
    "       1 ms  (anonymous) ext:core/01_core.js:1",
    "",
  ]);
});
