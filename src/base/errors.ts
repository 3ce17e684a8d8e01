/** The one error type of the daemon: what kind of failure, in words that say what to do. */

/** The classes of failure. `cri/status.ts` maps each to one gRPC code. */
export const KINDS = [
  "invalidArgument",
  "notFound",
  "alreadyExists",
  "failedPrecondition",
  "resourceExhausted",
  "unavailable",
  "deadlineExceeded",
  "cancelled",
  "unimplemented",
  "permissionDenied",
  "internal",
] as const;

export type Kind = (typeof KINDS)[number];

export interface CriErrorOptions {
  cause?: unknown;
  /** What the reader can do about it: a command, a file, a package. */
  remedy?: string;
  /** What a failed undo left on the node, by step name. */
  leftovers?: readonly string[];
}

/** An error that the edge may show to the kubelet as it stands. */
export class CriError extends Error {
  override readonly name = "CriError";
  readonly kind: Kind;
  readonly remedy: string | undefined;
  leftovers: readonly string[];

  constructor(kind: Kind, message: string, options: CriErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.remedy = options.remedy;
    this.leftovers = options.leftovers ?? [];
  }

  /** The message with its remedy and leftovers, as users see it. */
  get text(): string {
    const remedy = this.remedy === undefined ? "" : `; ${this.remedy}`;
    const left = this.leftovers.length === 0
      ? ""
      : ` (still there, the pod's removal will finish it: ${this.leftovers.join(", ")})`;
    return `${this.message}${remedy}${left}`;
  }
}

/** Bad input: names the field by its path in the request, such as `config.metadata.uid`. */
export function invalidArgument(field: string, problem: string): CriError {
  return new CriError("invalidArgument", `${field}: ${problem}`);
}

/** Something that the caller named does not exist. Only state/ may say it of a pod or container. */
export function notFound(what: string, id: string): CriError {
  return new CriError("notFound", `No ${what} ${JSON.stringify(id)}`);
}

/** Whether an error is a {@link CriError} of one of these kinds. */
export function isKind(error: unknown, ...kinds: Kind[]): error is CriError {
  return error instanceof CriError && kinds.includes(error.kind);
}

/**
 * Any thrown value as a CriError: a timeout is deadlineExceeded, an abort is cancelled,
 * everything unknown is internal. A CriError is returned as it is.
 */
export function toCriError(error: unknown): CriError {
  if (error instanceof CriError) return error;
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return new CriError("deadlineExceeded", error.message, { cause: error });
  }
  if (error instanceof DOMException && error.name === "AbortError") {
    return new CriError("cancelled", error.message, { cause: error });
  }
  const message = error instanceof Error ? error.message : String(error);
  return new CriError("internal", message, { cause: error });
}

/**
 * Adds what was being done to an error, keeping its kind, remedy and leftovers:
 * "Cannot start container web (a1b2): no such file".
 */
export function during(action: string, error: unknown, kind?: Kind): CriError {
  const inner = toCriError(error);
  return new CriError(kind ?? inner.kind, `${action}: ${inner.message}`, {
    cause: inner,
    ...(inner.remedy === undefined ? {} : { remedy: inner.remedy }),
    leftovers: inner.leftovers,
  });
}
