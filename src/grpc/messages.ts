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

/** Puts together the messages of one direction of a call. */
export class MessageReader {
  readonly #maxBytes: number;
  #pieces: Uint8Array[] = [];
  #size = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether a message has begun that isn't whole yet. */
  get isInside(): boolean {
    return this.#size > 0;
  }

  /**
   * The messages that end in these bytes; none shares memory with them.
   *
   * @throws StatusError for a message that is too large, or compressed, which nobody asked for
   */
  push(bytes: Uint8Array): Uint8Array[] {
    this.#pieces.push(bytes.slice());
    this.#size += bytes.length;
    if (this.#size < PREFIX_BYTES) return [];
    const size = this.#nextSize();
    if (this.#size < size) return [];
    const whole = concat(this.#pieces, this.#size);
    const messages: Uint8Array[] = [];
    let at = 0;
    while (whole.length - at >= PREFIX_BYTES) {
      const end = at + sizeAt(whole, at, this.#maxBytes);
      if (end > whole.length) break;
      messages.push(whole.subarray(at + PREFIX_BYTES, end));
      at = end;
    }
    this.#pieces = at === whole.length ? [] : [whole.slice(at)];
    this.#size = whole.length - at;
    return messages;
  }

  /** Of the message that has begun, with its prefix. */
  #nextSize(): number {
    let [first = new Uint8Array()] = this.#pieces;
    if (first.length < PREFIX_BYTES) {
      first = concat(this.#pieces, this.#size);
      this.#pieces = [first];
    }
    return sizeAt(first, 0, this.#maxBytes);
  }
}

function sizeAt(bytes: Uint8Array, at: number, maxBytes: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint8(at) !== 0) {
    throw new StatusError(CODE.unimplemented, "compressed messages are not supported");
  }
  const size = view.getUint32(at + 1);
  if (size <= maxBytes) return PREFIX_BYTES + size;
  throw new StatusError(
    CODE.resourceExhausted,
    `a message of ${size} bytes is larger than the ${maxBytes} that are taken`,
  );
}
