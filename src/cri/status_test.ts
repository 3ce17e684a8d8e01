import assert from "node:assert/strict";
import { CriError, KINDS } from "../base/errors.ts";
import { CODE } from "../grpc/status.ts";
import { toGrpcStatus } from "./status.ts";

for (const kind of KINDS) {
  Deno.test(`toGrpcStatus() has a code of its own for ${kind}, and it isn't UNKNOWN`, () => {
    const { code, details } = toGrpcStatus(new CriError(kind, "text", { remedy: "do this" }));
    assert.notEqual(code, CODE.unknown);
    assert.notEqual(code, CODE.ok);
    assert.equal(details, "text; do this");
  });
}

Deno.test("toGrpcStatus() doesn't take the code of somebody else's error", () => {
  const foreign = Object.assign(new Error("no snapshot"), { code: CODE.notFound });
  assert.equal(toGrpcStatus(foreign).code, CODE.internal);
});

Deno.test("toGrpcStatus() says DEADLINE_EXCEEDED for a timeout and CANCELLED for an abort", () => {
  assert.equal(toGrpcStatus(new DOMException("t", "TimeoutError")).code, CODE.deadlineExceeded);
  assert.equal(toGrpcStatus(new DOMException("a", "AbortError")).code, CODE.cancelled);
});

Deno.test("toGrpcStatus() shortens what clients would choke on, and keeps the remedy at its end", () => {
  const error = new CriError("invalidArgument", `hostname: ${"ü".repeat(100_000)}`, {
    remedy: "no",
  });
  const { details } = toGrpcStatus(error);
  assert.ok(details.length < 2_100);
  assert.ok(details.startsWith("hostname: ü") && details.endsWith("ü; no"), details);
});
