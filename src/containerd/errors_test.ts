import assert from "node:assert/strict";
import { CriError, type Kind } from "../base/errors.ts";
import { callAborted, callFailed, kindOfCode } from "./errors.ts";

const CODES: [number, Kind][] = [
  [1, "cancelled"],
  [2, "internal"],
  [3, "invalidArgument"],
  [4, "deadlineExceeded"],
  [5, "notFound"],
  [6, "alreadyExists"],
  [7, "permissionDenied"],
  [8, "resourceExhausted"],
  [9, "failedPrecondition"],
  [12, "unimplemented"],
  [14, "unavailable"],
  [16, "permissionDenied"],
  [99, "internal"],
];

for (const [code, kind] of CODES) {
  Deno.test(`kindOfCode() makes ${kind} of ${code}`, () => assert.equal(kindOfCode(code), kind));
}

const failed = {
  action: "start task",
  code: 14,
  details: "locked",
  signal: undefined,
  timeoutMs: 10_000,
  isLate: false,
  isClosed: false,
  downAddress: undefined,
};

Deno.test("callFailed() asks for containerd only when the connection is down", () => {
  assert.equal(callFailed(failed).text, "Cannot start task: locked");
  const down = callFailed({ ...failed, downAddress: "/run/c.sock" });
  assert.match(down.text, /no connection to containerd; is containerd running/);
});

Deno.test("callFailed() makes cancelled only of what we have cancelled", () => {
  assert.equal(callFailed({ ...failed, code: 1 }).kind, "unavailable");
  assert.equal(callFailed({ ...failed, code: 1, isClosed: true }).kind, "cancelled");
  const signal = AbortSignal.abort();
  assert.equal(callFailed({ ...failed, code: 1, signal }).kind, "cancelled");
});

Deno.test("callFailed() tells our own limit, and containerd's words for its limits", () => {
  const ours = callFailed({ ...failed, code: 4, isLate: true });
  assert.equal(ours.text, "Cannot start task: no answer within 10 s");
  const theirs = callFailed({ ...failed, code: 4, details: "shim is slow" });
  assert.deepEqual([theirs.kind, theirs.text], [
    "deadlineExceeded",
    "Cannot start task: shim is slow",
  ]);
});

Deno.test("callAborted() keeps the kind of the signal's reason", () => {
  const kind = (reason?: unknown) => callAborted("x", AbortSignal.abort(reason)).kind;
  assert.equal(kind(), "cancelled");
  assert.equal(kind("just so"), "cancelled");
  assert.equal(kind(new DOMException("late", "TimeoutError")), "deadlineExceeded");
  assert.equal(kind(new CriError("unavailable", "stopping")), "unavailable");
});
