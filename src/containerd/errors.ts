/** The one place where gRPC codes of containerd become kinds of our own. */
import { CriError, during, type Kind, toCriError } from "../base/errors.ts";

/** Codes by number: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md */
const KIND_OF_CODE: readonly Kind[] = [
  "internal", // 0 OK, never an error: an answer that says OK and yet failed is a bug
  "cancelled", // 1
  "internal", // 2 UNKNOWN: containerd wraps errors of runc and of shims without a code
  "invalidArgument", // 3
  "deadlineExceeded", // 4
  "notFound", // 5
  "alreadyExists", // 6
  "permissionDenied", // 7
  "resourceExhausted", // 8
  "failedPrecondition", // 9
  "failedPrecondition", // 10 ABORTED: the object changed between reading and writing it
  "invalidArgument", // 11 OUT_OF_RANGE: an offset that the object doesn't have
  "unimplemented", // 12
  "internal", // 13
  "unavailable", // 14: also a content reference that another writer holds
  "internal", // 15 DATA_LOSS
  "permissionDenied", // 16 UNAUTHENTICATED
];

/** The kind of failure that a gRPC status code of containerd stands for. */
export function kindOfCode(code: number): Kind {
  return KIND_OF_CODE[code] ?? "internal";
}

const CANCELLED = 1;
const DEADLINE_EXCEEDED = 4;
const UNAVAILABLE = 14;

export interface FailedCall {
  /** What was tried, such as `start task "a1b2"`. */
  action: string;
  code: number;
  details: string;
  signal: AbortSignal | undefined;
  timeoutMs: number;
  /** Whether the call's own time was over. */
  isLate: boolean;
  /** Whether it was us who ended the connection. */
  isClosed: boolean;
  /** Where the connection goes, if it is down or broke during the call. */
  downAddress: string | undefined;
}

/** A call that containerd refused, or that never reached it, as a CriError. */
export function callFailed(call: FailedCall): CriError {
  const { action, details, downAddress } = call;
  if (call.signal?.aborted === true) return callAborted(action, call.signal);
  if (call.code === DEADLINE_EXCEEDED && call.isLate) {
    const limit = `${call.timeoutMs / 1000} s`;
    return new CriError("deadlineExceeded", `Cannot ${action}: no answer within ${limit}`);
  }
  // Its shutdown cancels what it works on, and nobody here has.
  const isCut = call.code === CANCELLED && !call.isClosed;
  const code = isCut ? UNAVAILABLE : call.code;
  if (code !== UNAVAILABLE || downAddress === undefined) {
    return new CriError(kindOfCode(code), `Cannot ${action}: ${details}`);
  }
  return new CriError("unavailable", `Cannot ${action}: no connection to containerd`, {
    cause: new Error(details),
    remedy: downRemedy(downAddress),
  });
}

/** A call that its signal ended; a reason that isn't an error of a known kind is a cancellation. */
export function callAborted(action: string, signal: AbortSignal): CriError {
  const reason = toCriError(signal.reason);
  const isKnown = reason === signal.reason || reason.kind !== "internal";
  return during(`Cannot ${action}`, reason, isKnown ? reason.kind : "cancelled");
}

/** What to do when nothing answers at containerd's address. */
export function downRemedy(address: string): string {
  return `is containerd running, and is ${address} its socket?`;
}
