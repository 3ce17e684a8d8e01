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
  return { code: CODES[failure.kind], details: failure.text };
}
