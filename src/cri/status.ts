/** The one table from our kinds of failure to gRPC status codes. */
import { type Kind, toCriError } from "../base/errors.ts";
import { CODE, type Status } from "../grpc/status.ts";

const CODES: Record<Kind, number> = {
  invalidArgument: CODE.invalidArgument,
  // The kubelet takes a pod or container as removed when it reads this.
  notFound: CODE.notFound,
  alreadyExists: CODE.alreadyExists,
  failedPrecondition: CODE.failedPrecondition,
  resourceExhausted: CODE.resourceExhausted,
  unavailable: CODE.unavailable,
  deadlineExceeded: CODE.deadlineExceeded,
  cancelled: CODE.cancelled,
  unimplemented: CODE.unimplemented,
  permissionDenied: CODE.permissionDenied,
  internal: CODE.internal,
};

/**
 * The status that a thrown value is answered with. Anything that isn't a CriError is INTERNAL, also
 * when it carries a numeric `code`, which isn't ours. UNKNOWN is never sent.
 */
export function toGrpcStatus(error: unknown): Status {
  const failure = toCriError(error);
  return { code: CODES[failure.kind], details: bounded(failure.text) };
}

/** The status is a header, and clients end calls with headers over 8 KiB without saying why. */
const MAX_DETAILS = 2_000;
const KEPT_AT_END = 500;

/** Messages quote what was asked for, which may be of any length. */
function bounded(text: string): string {
  if (text.length <= MAX_DETAILS) return text;
  return `${text.slice(0, MAX_DETAILS - KEPT_AT_END)} … ${text.slice(-KEPT_AT_END)}`.toWellFormed();
}
