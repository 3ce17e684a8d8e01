/** Messages on a stream: a flag for compression, a length, and so many bytes. */
import { concat } from "../base/concat.ts";
import { CODE, StatusError } from "./status.ts";

const PREFIX_BYTES = 5;

/** As it goes over the wire. */
export function framed(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(PREFIX_BYTES + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, PREFIX_BYTES);
  return bytes;
}

/** A message beyond this isn't copied to have its prefix before it. */
const LARGE_BYTES = 8 * 1024;

/** The same of a message in several parts, in the pieces that cost least. */
export function pieces(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  if (size <= LARGE_BYTES) return [framed(concat(parts, size))];
  const prefix = new Uint8Array(PREFIX_BYTES);
  new DataView(prefix.buffer).setUint32(1, size);
  return [prefix, ...parts.filter(({ length }) => length > 0)];
}

/** So much is taken for a message on its word alone; a larger one has to come first. */
const TRUSTED_BYTES = 1024 * 1024;

/** Puts together the messages of one direction of a call. */
export class MessageReader {
  readonly #maxBytes: number;
  readonly #prefix = new Uint8Array(PREFIX_BYTES);
  #prefixLength = 0;
  /** Of the message that has begun, when its prefix is whole. */
  #size: number | undefined;
  #message = new Uint8Array();
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether a message has begun that isn't whole yet. */
  get isInside(): boolean {
    return this.#prefixLength > 0;
  }

  /**
   * The messages that end in these bytes; none shares memory with them.
   *
   * @throws StatusError for a message that is too large, or compressed, which nobody asked for
   */
  push(bytes: Uint8Array): Uint8Array[] {
    const messages: Uint8Array[] = [];
    let at = 0;
    while (at < bytes.length) {
      at += this.#size === undefined
        ? this.#takePrefix(bytes.subarray(at))
        : this.#takeContent(bytes.subarray(at), this.#size);
      if (this.#length !== this.#size) continue;
      messages.push(this.#message);
      this.#size = undefined;
      this.#prefixLength = 0;
    }
    return messages;
  }

  #takePrefix(bytes: Uint8Array): number {
    const taken = bytes.subarray(0, PREFIX_BYTES - this.#prefixLength);
    this.#prefix.set(taken, this.#prefixLength);
    this.#prefixLength += taken.length;
    if (this.#prefixLength === PREFIX_BYTES) {
      this.#size = sizeIn(this.#prefix, this.#maxBytes);
      this.#message = new Uint8Array(Math.min(this.#size, TRUSTED_BYTES));
      this.#length = 0;
    }
    return taken.length;
  }

  #takeContent(bytes: Uint8Array, size: number): number {
    const taken = bytes.subarray(0, size - this.#length);
    const length = this.#length + taken.length;
    if (length > this.#message.length) {
      const capacity = Math.min(size, Math.max(length, this.#message.length * 2));
      this.#message = new Uint8Array(this.#message.buffer.transfer(capacity));
    }
    this.#message.set(taken, this.#length);
    this.#length = length;
    return taken.length;
  }
}

function sizeIn(prefix: Uint8Array<ArrayBuffer>, maxBytes: number): number {
  const view = new DataView(prefix.buffer);
  if (view.getUint8(0) !== 0) {
    throw new StatusError(CODE.unimplemented, "compressed messages are not supported");
  }
  const size = view.getUint32(1);
  if (size <= maxBytes) return size;
  throw new StatusError(
    CODE.resourceExhausted,
    `a message of ${size} bytes is larger than the ${maxBytes} that are taken`,
  );
}
