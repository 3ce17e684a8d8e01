/** What goes over the ports: between two compartments, and between a compartment and the supervisor. */
import { CriError, type Kind, KINDS, toCriError } from "../base/errors.ts";

/** Between compartments. `id` belongs to the caller; both ends of a port may call. */
export type ChannelMessage =
  | {
    kind: "call";
    id: number;
    method: string;
    arg: unknown;
    wantsProgress: boolean;
    /** The caller's span, when there are traces. */
    trace?: string | undefined;
  }
  | { kind: "cancel"; id: number; reason: WireError }
  | { kind: "progress"; id: number; value: unknown }
  | { kind: "result"; id: number; value: unknown }
  | { kind: "error"; id: number; error: WireError };

/** A {@link CriError} as structured clone can carry it. */
export interface WireError {
  kind: Kind;
  message: string;
  remedy?: string;
  leftovers: readonly string[];
  stack?: string;
}

/** Any thrown value in the form that crosses a port. */
export function toWire(error: unknown): WireError {
  const known = toCriError(error);
  const origin = known.cause instanceof Error ? known.cause : known;
  return {
    kind: known.kind,
    message: known.message,
    leftovers: [...known.leftovers],
    ...(known.remedy === undefined ? {} : { remedy: known.remedy }),
    ...(origin.stack === undefined ? {} : { stack: origin.stack }),
  };
}

/** The error of the other side, with the stack of where it happened. */
export function fromWire(wire: WireError): CriError {
  const error = new CriError(wire.kind, wire.message, {
    leftovers: wire.leftovers,
    ...(wire.remedy === undefined ? {} : { remedy: wire.remedy }),
  });
  if (wire.stack !== undefined) error.stack = wire.stack;
  return error;
}

/** Whether a value from a port is one of our messages; anything else is dropped by the reader. */
export function isChannelMessage(value: unknown): value is ChannelMessage {
  if (!isRecord(value) || typeof value.id !== "number") return false;
  switch (value.kind) {
    case "call":
      return typeof value.method === "string";
    case "progress":
    case "result":
      return true;
    case "cancel":
      return isWireError(value.reason);
    case "error":
      return isWireError(value.error);
    default:
      return false;
  }
}

function isWireError(value: unknown): value is WireError {
  return isRecord(value) && typeof value.message === "string" && Array.isArray(value.leftovers) &&
    KINDS.some((kind) => kind === value.kind);
}

/** A plain object with unknown members. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
