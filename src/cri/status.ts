/** The one table from our kinds of failure to gRPC status codes. */
import { status } from "@grpc/grpc-js";
import { type Kind, toCriError } from "../base/errors.ts";

export interface GrpcStatus {
  readonly code: status;
  readonly details: string;
}

const CODES: Record<Kind, status> = {
  invalidArgument: status.INVALID_ARGUMENT,
  // The kubelet takes a pod or container as removed when it reads this.
  notFound: status.NOT_FOUND,
  alreadyExists: status.ALREADY_EXISTS,
  failedPrecondition: status.FAILED_PRECONDITION,
  resourceExhausted: status.RESOURCE_EXHAUSTED,
  unavailable: status.UNAVAILABLE,
  deadlineExceeded: status.DEADLINE_EXCEEDED,
  cancelled: status.CANCELLED,
  unimplemented: status.UNIMPLEMENTED,
  permissionDenied: status.PERMISSION_DENIED,
  internal: status.INTERNAL,
};

/**
 * The status that a thrown value is answered with. Anything that isn't a CriError is INTERNAL, also
 * when it carries a numeric `code`: grpc-js would send containerd's code as ours. UNKNOWN is never
 * sent.
 */
export function toGrpcStatus(error: unknown): GrpcStatus {
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
