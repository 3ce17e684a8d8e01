import assert from "node:assert/strict";
import { status } from "@grpc/grpc-js";
import { CriError, KINDS } from "../base/errors.ts";
import { toGrpcStatus } from "./status.ts";

for (const kind of KINDS) {
  Deno.test(`toGrpcStatus() has a code of its own for ${kind}, and it isn't UNKNOWN`, () => {
    const { code, details } = toGrpcStatus(new CriError(kind, "text", { remedy: "do this" }));
    assert.notEqual(code, status.UNKNOWN);
    assert.notEqual(code, status.OK);
    assert.equal(details, "text; do this");
  });
}

Deno.test("toGrpcStatus() doesn't take the code of somebody else's error", () => {
  const foreign = Object.assign(new Error("no snapshot"), { code: status.NOT_FOUND });
  assert.equal(toGrpcStatus(foreign).code, status.INTERNAL);
});

Deno.test("toGrpcStatus() says DEADLINE_EXCEEDED for a timeout and CANCELLED for an abort", () => {
  assert.equal(toGrpcStatus(new DOMException("t", "TimeoutError")).code, status.DEADLINE_EXCEEDED);
  assert.equal(toGrpcStatus(new DOMException("a", "AbortError")).code, status.CANCELLED);
});

Deno.test("toGrpcStatus() shortens what clients would choke on, and keeps the remedy at its end", () => {
  const error = new CriError("invalidArgument", `hostname: ${"ü".repeat(100_000)}`, {
    remedy: "no",
  });
  const { details } = toGrpcStatus(error);
  assert.ok(details.length < 2_100);
  assert.ok(details.startsWith("hostname: ü") && details.endsWith("ü; no"), details);
});
