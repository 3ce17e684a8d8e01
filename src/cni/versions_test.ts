import assert from "node:assert/strict";
import { isAtLeast, newestCommon } from "./versions.ts";

Deno.test("newestCommon() is the newest that all know and we know", () => {
  assert.equal(newestCommon([["0.4.0", "1.0.0", "2.0.0"], ["0.4.0", "1.0.0"]]), "1.0.0");
  assert.equal(newestCommon([["1.0.0"], ["0.4.0"]]), undefined);
});

Deno.test("isAtLeast() compares as versions, not as text", () => {
  assert.equal(isAtLeast("0.4.0", "0.4.0"), true);
  assert.equal(isAtLeast("0.3.1", "0.4.0"), false);
  assert.equal(isAtLeast("1.1.0", "0.4.0"), true);
});
