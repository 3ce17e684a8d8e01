import assert from "node:assert/strict";
import { isKind } from "./errors.ts";
import { parseFailPoint, setFailPoint } from "./fail_point.ts";
import { Operation } from "./operation.ts";

const { signal } = new AbortController();

Deno.test("parseFailPoint() reads kind, moment and stage, and refuses the rest", () => {
  assert.deepEqual(parseFailPoint("hang after attach the network"), {
    kind: "hang",
    when: "after",
    stage: "attach the network",
  });
  for (const text of ["", "error", "error after ", "crash before it", "error while it"]) {
    assert.throws(() => parseFailPoint(text), (error) => isKind(error, "invalidArgument"), text);
  }
});

for (const when of ["before", "after"] as const) {
  Deno.test(`a stage fails ${when} its work when it is the fail point`, async () => {
    setFailPoint({ kind: "error", when, stage: "work" });
    try {
      const op = new Operation("do it", signal);
      let done = 0;
      await op.step("other work", () => void done++);
      await assert.rejects(
        op.step("work", () => void done++),
        (error) => isKind(error, "internal"),
      );
      assert.equal(done, when === "before" ? 1 : 2);
    } finally {
      setFailPoint(undefined);
    }
  });
}
