/** ASN.1 in its distinguished encoding (X.690), as far as a certificate needs it. */

const BOOLEAN = 0x01;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_ID = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const SEQUENCE = 0x30;
const SET = 0x31;
const CONTEXT = 0x80;
const CONSTRUCTED = 0x20;

/** Until this year a time has two digits of its year, and four from then on (RFC 5280, 4.1.2.5). */
const FOUR_DIGITS_FROM = 2050;

export type Der = Uint8Array<ArrayBuffer>;

export const TRUE = tagged(BOOLEAN, Uint8Array.of(0xff));

/** A value with its tag and length. */
function tagged(tag: number, ...parts: readonly Uint8Array[]): Der {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head = [tag, ...lengthOf(length)];
  const all = new Uint8Array(head.length + length);
  all.set(head);
  let at = head.length;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** One byte up to 127; from there on, how many bytes follow. */
function lengthOf(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

export const sequence = (...parts: readonly Uint8Array[]): Der => tagged(SEQUENCE, ...parts);
export const setOf = (...parts: readonly Uint8Array[]): Der => tagged(SET, ...parts);
export const octets = (bytes: Uint8Array): Der => tagged(OCTET_STRING, bytes);
export const utf8 = (text: string): Der => tagged(UTF8_STRING, new TextEncoder().encode(text));

/** A positive number, most significant byte first; its first byte is below 0x80 and not 0. */
export const integer = (...bytes: readonly number[]): Der =>
  tagged(INTEGER, Uint8Array.from(bytes));

/** Of which the last `unused` bits don't count. */
export function bits(bytes: Uint8Array, unused = 0): Der {
  return tagged(BIT_STRING, Uint8Array.of(unused), bytes);
}

/** `[number]` around other values, or in place of a primitive one's own tag. */
export const explicit = (number: number, ...parts: readonly Uint8Array[]): Der =>
  tagged(CONTEXT | CONSTRUCTED | number, ...parts);
export const implicit = (number: number, bytes: Uint8Array): Der => tagged(CONTEXT | number, bytes);

/** "1.2.840": the first two numbers share a byte, each later one has seven bits of each. */
export function objectId(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const number of rest) {
    const digits = [number % 128];
    for (let left = Math.floor(number / 128); left > 0; left = Math.floor(left / 128)) {
      digits.unshift(0x80 | (left % 128));
    }
    bytes.push(...digits);
  }
  return tagged(OBJECT_ID, Uint8Array.from(bytes));
}

/** To the second. */
export function time(ms: number): Der {
  const date = new Date(ms);
  const digits = date.toISOString().slice(0, 19).replaceAll(/[-:T]/g, "");
  const bytes = (text: string) => new TextEncoder().encode(`${text}Z`);
  if (date.getUTCFullYear() >= FOUR_DIGITS_FROM) return tagged(GENERALIZED_TIME, bytes(digits));
  return tagged(UTC_TIME, bytes(digits.slice(2)));
}
