/**
 * The one request of a streaming connection, an upgrade without a body, and the answers to it:
 * HTTP/1.1 (RFC 9112) as far as that goes, and nothing lenient.
 */
import { ProtocolError } from "./protocol_error.ts";

/** Proxies add headers; a kubelet's request has less than 2 KiB of them. */
export const MAX_HEAD_BYTES = 16_384;
const MAX_HEADERS = 100;

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
/** What a value may not have in it. */
// deno-lint-ignore no-control-regex -- control characters are what it looks for
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;

export interface RequestHead {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Values by lower-case name, one for each line. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
}

/** Where the head ends, with its empty line; undefined when it isn't all there. */
export function headEnd(bytes: Uint8Array): number | undefined {
  for (let at = 3; at < bytes.length; at++) {
    const isEnd = bytes[at] === 0x0a && bytes[at - 1] === 0x0d && bytes[at - 2] === 0x0a &&
      bytes[at - 3] === 0x0d;
    if (isEnd) return at + 1;
  }
  return undefined;
}

/** @throws ProtocolError */
export function parseHead(bytes: Uint8Array): RequestHead {
  const lines = new TextDecoder().decode(bytes).slice(0, -4).split("\r\n");
  const [requestLine = "", ...headerLines] = lines;
  const [, method, target] = /^([A-Z]{1,16}) (\/[\x21-\x7e]*) HTTP\/1\.1$/.exec(requestLine) ?? [];
  if (method === undefined || target === undefined) throw new ProtocolError("not HTTP/1.1");
  if (headerLines.length > MAX_HEADERS) throw new ProtocolError(`${headerLines.length} headers`);
  const headers = new Map<string, string[]>();
  for (const line of headerLines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "");
    if (!TOKEN.test(name) || CONTROL.test(value)) throw new ProtocolError("a broken header");
    headers.set(name, [...headers.get(name) ?? [], value]);
  }
  return { method, path: target.split("?", 1)[0] ?? "", headers };
}

/** The members of all lines of a comma-separated header, in order. */
export function listOf({ headers }: RequestHead, name: string): string[] {
  const members = (headers.get(name) ?? []).flatMap((line) => line.split(","));
  return members.map((member) => member.trim()).filter((member) => member !== "");
}

/** Whether a request has, or may have, more after its head than it should. */
export function hasBody({ headers }: RequestHead): boolean {
  const lengths = headers.get("content-length") ?? [];
  return headers.has("transfer-encoding") || lengths.some((length) => length !== "0");
}

const REASONS = new Map([
  [101, "Switching Protocols"],
  [400, "Bad Request"],
  [403, "Forbidden"],
  [404, "Not Found"],
  [405, "Method Not Allowed"],
  [503, "Service Unavailable"],
]);

/** An answer; with a text, its connection ends with it. */
export function answer(
  status: number,
  headers: readonly (readonly [name: string, value: string])[],
  text?: string,
): Uint8Array<ArrayBuffer> {
  const lines = [`HTTP/1.1 ${status} ${REASONS.get(status) ?? ""}`];
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  if (text !== undefined) {
    lines.push("Content-Type: text/plain; charset=utf-8", "Connection: close");
    lines.push(`Content-Length: ${new TextEncoder().encode(text).length}`);
  }
  return new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n${text ?? ""}`);
}
