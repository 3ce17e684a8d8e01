/** Header compression (RFC 7541): all of it in what is read, the plainest of it in what is written. */
import { ERROR_CODE, Http2Error } from "./frames.ts";
import { huffmanDecoded } from "./huffman.ts";
import { STATIC_TABLE } from "./static_table.ts";

export type HeaderField = readonly [name: string, value: string];

/** What the other side may hold in the table, as long as we don't ask for less. */
const TABLE_BYTES = 4_096;
/** An entry counts as this much more than its strings (section 4.1). */
const ENTRY_BYTES = 32;
/** Bounds what a block may unfold to: each byte of it could name an entry of the table. */
const MAX_LIST_BYTES = 64 * 1024;
/** Five bytes hold any number that has a meaning here. */
const MAX_INTEGER_SHIFT = 28;

const ascii = new TextEncoder();

/** Reads the header blocks of one connection, in their order: each may change the table. */
export class HeaderDecoder {
  /** Newest first. */
  readonly #table: HeaderField[] = [];
  #tableBytes = 0;
  #tableLimit = TABLE_BYTES;
  #block: Uint8Array = new Uint8Array();
  #at = 0;

  /** @throws Http2Error (COMPRESSION_ERROR, or ENHANCE_YOUR_CALM when it unfolds to too much) */
  decode(block: Uint8Array): HeaderField[] {
    this.#block = block;
    this.#at = 0;
    const fields: HeaderField[] = [];
    let size = 0;
    while (this.#at < block.length) {
      const field = this.#next(fields.length === 0);
      if (field === undefined) continue;
      size += sizeOf(field);
      if (size > MAX_LIST_BYTES) {
        throw new Http2Error(ERROR_CODE.enhanceYourCalm, "the headers are too long");
      }
      fields.push(field);
    }
    return fields;
  }

  /** One representation (section 6); undefined for a change of the table's size. */
  #next(isFirst: boolean): HeaderField | undefined {
    const byte = this.#block[this.#at] ?? 0;
    if ((byte & 0x80) !== 0) return this.#entry(this.#integer(7));
    if ((byte & 0x40) !== 0) {
      const field = this.#literal(6);
      this.#insert(field);
      return field;
    }
    if ((byte & 0x20) === 0) return this.#literal(4);
    const limit = this.#integer(5);
    if (!isFirst || limit > TABLE_BYTES) throw broken("a wrong change of the table's size");
    this.#tableLimit = limit;
    this.#evict();
    return undefined;
  }

  #literal(prefix: number): HeaderField {
    const index = this.#integer(prefix);
    const name = index === 0 ? this.#string() : this.#entry(index)[0];
    return [name, this.#string()];
  }

  #entry(index: number): HeaderField {
    const entry = index <= STATIC_TABLE.length
      ? STATIC_TABLE[index - 1]
      : this.#table[index - STATIC_TABLE.length - 1];
    if (entry === undefined) throw broken(`entry ${index}, which the table doesn't have`);
    return entry;
  }

  /** Section 5.1. */
  #integer(prefix: number): number {
    const mask = 2 ** prefix - 1;
    let value = this.#byte() & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= MAX_INTEGER_SHIFT; shift += 7) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** shift;
      if ((byte & 0x80) === 0) return value;
    }
    throw broken("a number that is too large");
  }

  /** Section 5.2. */
  #string(): string {
    const isHuffman = ((this.#block[this.#at] ?? 0) & 0x80) !== 0;
    const length = this.#integer(7);
    const end = this.#at + length;
    if (end > this.#block.length) throw broken("a string that is cut off");
    const bytes = this.#block.subarray(this.#at, end);
    this.#at = end;
    return isHuffman ? huffmanDecoded(bytes) : latin1(bytes);
  }

  #byte(): number {
    const byte = this.#block[this.#at++];
    if (byte === undefined) throw broken("an end where more is due");
    return byte;
  }

  /** Section 4.4. */
  #insert(field: HeaderField): void {
    this.#table.unshift(field);
    this.#tableBytes += sizeOf(field);
    this.#evict();
  }

  #evict(): void {
    while (this.#tableBytes > this.#tableLimit) {
      const oldest = this.#table.pop();
      if (oldest === undefined) break;
      this.#tableBytes -= sizeOf(oldest);
    }
  }
}

/**
 * A header block of literals that no table remembers: without state between blocks, most of them can
 * be made once for all calls. Blocks put one after the other are a block too.
 */
export function headerBlock(...fields: HeaderField[]): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  for (const [name, value] of fields) {
    const index = STATIC_TABLE.findIndex((entry) => entry[0] === name && entry[1] === value);
    if (index >= 0) {
      bytes.push(0x80 | index + 1);
      continue;
    }
    bytes.push(0);
    pushString(bytes, name);
    pushString(bytes, value);
  }
  return new Uint8Array(bytes);
}

function pushString(bytes: number[], text: string): void {
  const encoded = ascii.encode(text);
  let length = encoded.length;
  if (length < 0x7f) bytes.push(length);
  else {
    bytes.push(0x7f);
    length -= 0x7f;
    for (; length >= 0x80; length >>>= 7) bytes.push(length & 0x7f | 0x80);
    bytes.push(length);
  }
  for (const byte of encoded) bytes.push(byte);
}

function sizeOf([name, value]: HeaderField): number {
  return name.length + value.length + ENTRY_BYTES;
}

function latin1(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function broken(what: string): Http2Error {
  return new Http2Error(ERROR_CODE.compressionError, `a header block has ${what}`);
}
