/** Values as log lines may show them: short, on one line, and without secrets. */
import { CriError } from "./errors.ts";

const REDACTED = "[redacted]";

/** Longer texts are cut: a label of 10 MB is no reason for a line of 10 MB. */
const MAX_TEXT = 4_096;
const MAX_DEPTH = 6;
const MAX_ENTRIES = 100;

const SECRET_WORD =
  /(?:^|_)(?:auth|authorization|password|passwd|token|secret|credential|cookie)s?(?:_|$)/;

/** Whether a field of this name is never shown: `password`, `identityToken`, `auth`. */
export function isSecretName(name: string): boolean {
  const words = name.replace(/([a-z0-9])([A-Z])/g, "$1_$2").replace(/[^A-Za-z0-9]+/g, "_");
  return SECRET_WORD.test(words.toLowerCase());
}

/** Text without the user part and the query of URLs and without credentials of HTTP headers. */
export function scrub(text: string): string {
  return text
    .replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"'<>]*@/gi, `$1${REDACTED}@`)
    .replace(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s?#"'<>]*)\?[^\s"'<>]*/gi, `$1?${REDACTED}`)
    .replace(/\b(Bearer|Basic)\s+[A-Za-z0-9+/=._~-]{8,}/g, `$1 ${REDACTED}`);
}

/**
 * A value as JSON can carry it, with secrets, lengths and depth cut.
 * Errors become their chain of messages, bytes their number, Maps objects.
 */
export function showable(value: unknown, name = "", depth = 0): unknown {
  if (value === undefined || value === null || value === "") return value;
  if (isSecretName(name)) return REDACTED;
  switch (typeof value) {
    case "string":
      return cut(scrub(value));
    case "number":
    case "boolean":
      return value;
    case "object":
      return showObject(value, depth);
    default:
      return String(value);
  }
}

function showObject(value: object, depth: number): unknown {
  if (value instanceof Error) return cut(scrub(errorText(value)));
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "?" : value.toISOString();
  if (ArrayBuffer.isView(value)) return `${value.byteLength} bytes`;
  if (depth >= MAX_DEPTH) return "…";
  if (Array.isArray(value) || value instanceof Set) {
    return [...value].slice(0, MAX_ENTRIES).map((entry) => showable(entry, "", depth + 1));
  }
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return Object.fromEntries(
    entries.slice(0, MAX_ENTRIES).map(([key, entry]) => {
      const name = String(key);
      return [name, showable(entry, name, depth + 1)];
    }),
  );
}

/** An error's message, with those of its causes that it doesn't repeat already. */
export function errorText(error: Error): string {
  let text = error instanceof CriError ? error.text : error.message || error.name;
  const seen = new Set<unknown>([error]);
  for (let cause = error.cause; cause instanceof Error && !seen.has(cause); cause = cause.cause) {
    seen.add(cause);
    if (cause.message !== "" && !text.includes(cause.message)) text += ` (${cause.message})`;
  }
  return text;
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}… (${text.length} characters)` : text;
}
