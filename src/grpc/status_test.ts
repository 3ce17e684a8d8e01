import assert from "node:assert/strict";
import { HeaderDecoder } from "./hpack.ts";
import { codeName, statusIn, trailersOf } from "./status.ts";

Deno.test("trailersOf() and statusIn() carry any text", () => {
  for (
    const details of ["", "no such pod", "50 % of ünïcode 🚢\n\ttabs", "\u0000", "half \ud83d"]
  ) {
    const fields = new HeaderDecoder().decode(trailersOf({ code: 5, details }));
    for (const [, value] of fields) assert.match(value, /^[ -~]*$/);
    assert.deepEqual(statusIn(fields), { code: 5, details: details.toWellFormed() });
  }
});

Deno.test("statusIn() makes the best of what a server says wrongly", () => {
  assert.equal(statusIn([["content-type", "application/grpc"]]), undefined);
  assert.deepEqual(statusIn([["grpc-status", "many"]]), { code: 2, details: "" });
  const fields = [["grpc-status", "13"], ["grpc-message", "100%"]] as const;
  assert.deepEqual(statusIn(fields), { code: 13, details: "100%" });
});

Deno.test("codeName() spells codes as the documents do", () => {
  assert.deepEqual([0, 5, 8, 99].map(codeName), [
    "OK",
    "NOT_FOUND",
    "RESOURCE_EXHAUSTED",
    "UNKNOWN",
  ]);
});
