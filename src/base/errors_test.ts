import assert from "node:assert/strict";
import { CriError, during, toCriError } from "./errors.ts";

Deno.test("toCriError() tells a timeout from a cancelled call", () => {
  assert.equal(toCriError(new DOMException("x", "TimeoutError")).kind, "deadlineExceeded");
  assert.equal(toCriError(new DOMException("x", "AbortError")).kind, "cancelled");
});

Deno.test("toCriError() makes everything unknown internal, whatever code it carries", () => {
  assert.equal(toCriError(Object.assign(new Error("x"), { code: 5 })).kind, "internal");
  assert.equal(toCriError("text").message, "text");
});

Deno.test("during() adds what was done and keeps kind, remedy and leftovers", () => {
  const inner = new CriError("unavailable", "no network", { remedy: "add one", leftovers: ["a"] });
  const outer = during("Cannot run pod shop/web", inner);
  assert.equal(outer.kind, "unavailable");
  assert.equal(outer.cause, inner);
  assert.match(outer.text, /^Cannot run pod shop\/web: no network; add one \(still there.*: a\)$/);
});
