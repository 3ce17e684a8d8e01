/**
 * Header blocks of SPDY/3.1: names and values, compressed with zlib over a whole connection and from
 * a dictionary of the specification (2.6.10).
 */
import { Buffer } from "node:buffer";
import { constants, createInflateRaw, type InflateRaw } from "node:zlib";
import { ProtocolError } from "./protocol_error.ts";
import { DICTIONARY, DICTIONARY_ID } from "./spdy_dictionary.ts";
import { concat } from "../base/concat.ts";

/** A compressed block can grow a thousandfold. */
const MAX_BLOCK_BYTES = 65_536;
const MAX_HEADERS = 64;

/** "zlib with a preset dictionary", as the two bytes say whose remainder by 31 is 0. */
const ZLIB_HEAD_BYTES = 6;
const DEFLATE = 8;
const PRESET_DICTIONARY = 0x20;

export type Headers = ReadonlyMap<string, string>;

/** Reads the header blocks of one direction of a connection, in order. */
export class HeaderReader {
  readonly #inflate: InflateRaw = createInflateRaw();
  #isBegun = false;
  #failure: Error | undefined;

  constructor() {
    this.#inflate.on("error", (error) => this.#failure = error);
  }

  /** @throws ProtocolError for a block that can't be read, or that is too long */
  async read(block: Uint8Array<ArrayBuffer>): Promise<Headers> {
    if (this.#isBegun) return decode(await this.#inflateBlock(block));
    this.#isBegun = true;
    const [method = 0, flags = 0] = block;
    const isZlib = (method & 0x0f) === DEFLATE && (flags & PRESET_DICTIONARY) !== 0 &&
      block.length >= ZLIB_HEAD_BYTES &&
      new DataView(block.buffer, block.byteOffset).getUint32(2) ===
        DICTIONARY_ID;
    if (!isZlib) throw new ProtocolError("headers that are not compressed as SPDY/3 says");
    // The dictionary goes first, as if it had been sent uncompressed: later blocks refer to it.
    await this.#inflateBlock(storedBlock(DICTIONARY));
    return decode(await this.#inflateBlock(block.subarray(ZLIB_HEAD_BYTES)));
  }

  close(): void {
    this.#inflate.destroy();
  }

  async #inflateBlock(block: Uint8Array): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const chunks: Buffer[] = [];
    let size = 0;
    const take = (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_BLOCK_BYTES) chunks.push(chunk);
      else reject(new ProtocolError("headers that are too long"));
    };
    const fail = (error: Error) => reject(new ProtocolError(`broken headers: ${error.message}`));
    if (this.#failure !== undefined) fail(this.#failure);
    this.#inflate.on("data", take).on("error", fail).on("close", resolve);
    try {
      this.#inflate.write(Buffer.from(block));
      this.#inflate.flush(constants.Z_SYNC_FLUSH, resolve);
      await promise;
    } finally {
      this.#inflate.off("data", take).off("error", fail).off("close", resolve);
    }
    return Buffer.concat(chunks);
  }
}

function decode(block: Uint8Array): Headers {
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  const headers = new Map<string, string>();
  let at = 0;
  const word = () => {
    if (at + 4 > block.length) throw new ProtocolError("headers that end too early");
    at += 4;
    return view.getUint32(at - 4);
  };
  const text = () => {
    const length = word();
    if (length > block.length - at) throw new ProtocolError("headers that end too early");
    at += length;
    return new TextDecoder().decode(block.subarray(at - length, at));
  };
  const count = word();
  if (count > MAX_HEADERS) throw new ProtocolError(`${count} headers`);
  for (let left = count; left > 0; left--) headers.set(text().toLowerCase(), text());
  return headers;
}

/** Writes the header blocks of one direction: uncompressed, which every reader of zlib takes. */
export class HeaderWriter {
  #isBegun = false;

  write(headers: Headers): Uint8Array<ArrayBuffer> {
    // Readers hand out what they have at an empty block, and would else wait for more.
    const block = concat([storedBlock(encode(headers)), storedBlock(new Uint8Array(0))]);
    if (this.#isBegun) return block;
    this.#isBegun = true;
    const all = new Uint8Array(ZLIB_HEAD_BYTES + block.length);
    const view = new DataView(all.buffer);
    view.setUint16(0, zlibHead());
    view.setUint32(2, DICTIONARY_ID);
    all.set(block, ZLIB_HEAD_BYTES);
    return all;
  }
}

/** Method and window size, then flags with a check that makes 31 a divisor of both. */
function zlibHead(): number {
  const head = ((0x70 | DEFLATE) << 8) | PRESET_DICTIONARY;
  return head + (31 - head % 31) % 31;
}

function encode(headers: Headers): Uint8Array {
  const encoder = new TextEncoder();
  // Names are lower-case; readers refuse others.
  const lower = [...headers].flatMap(([name, value]) => [name.toLowerCase(), value]);
  const texts = lower.map((text) => encoder.encode(text));
  const size = texts.reduce((sum, text) => sum + 4 + text.length, 4);
  const block = new Uint8Array(size);
  const view = new DataView(block.buffer);
  view.setUint32(0, headers.size);
  let at = 4;
  for (const text of texts) {
    view.setUint32(at, text.length);
    block.set(text, at + 4);
    at += 4 + text.length;
  }
  return block;
}

/** A block of deflate's kind "stored", not the last (RFC 1951, 3.2.4). */
function storedBlock(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(5 + bytes.length);
  const view = new DataView(block.buffer);
  view.setUint16(1, bytes.length, true);
  view.setUint16(3, ~bytes.length & 0xffff, true);
  block.set(bytes, 5);
  return block;
}
