import assert from "node:assert/strict";
import { isKind } from "../base/errors.ts";
import { NameRegistry } from "./names.ts";

Deno.test("NameRegistry reserves a name for one id until it is released", () => {
  const names = new NameRegistry();
  names.reserve("web", "1");
  names.reserve("web", "1");
  assert.throws(() => names.reserve("web", "2"), (error) => isKind(error, "alreadyExists"));
  names.release("2");
  assert.equal(names.holder("web"), "1");
  names.release("1");
  names.reserve("web", "2");
  assert.equal(names.holder("web"), "2");
});
