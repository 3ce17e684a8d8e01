/** How calls end: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md */
import { headerBlock, type HeaderField } from "./hpack.ts";

export const CODE = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

export interface Status {
  readonly code: number;
  readonly details: string;
}

/** A call can't go on. */
export class StatusError extends Error implements Status {
  override readonly name = "StatusError";
  readonly code: number;
  readonly details: string;

  constructor(code: number, details: string) {
    super(`${codeName(code)}: ${details}`);
    this.code = code;
    this.details = details;
  }
}

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(CODE).map(([name, code]) => [
    code,
    name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase(),
  ]),
);

/** As the documents spell it: `NOT_FOUND`. */
export function codeName(code: number): string {
  return NAMES.get(code) ?? "UNKNOWN";
}

const OK_TRAILERS = headerBlock(["grpc-status", "0"]);

/** What a server says last. */
export function trailersOf({ code, details }: Status): Uint8Array<ArrayBuffer> {
  if (code === CODE.ok) return OK_TRAILERS;
  return headerBlock(["grpc-status", String(code)], ["grpc-message", percentEncoded(details)]);
}

/** The status in a server's last headers; undefined when there is none. */
export function statusIn(fields: readonly HeaderField[]): Status | undefined {
  const code = valueOf(fields, "grpc-status");
  if (code === undefined) return undefined;
  const details = percentDecoded(valueOf(fields, "grpc-message") ?? "");
  return { code: /^\d{1,2}$/.test(code) ? Number(code) : CODE.unknown, details };
}

export function valueOf(fields: readonly HeaderField[], name: string): string | undefined {
  return fields.find((field) => field[0] === name)?.[1];
}

/** Headers are ASCII: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
function percentEncoded(text: string): string {
  return text.replaceAll(/[^ -~]|%/gu, (char) => encodeURIComponent(char.toWellFormed()));
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
