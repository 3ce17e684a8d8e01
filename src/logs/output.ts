/** Bytes that are put together again and again in the same memory. */

const INITIAL_BYTES = 256 * 1024;
/** Below this a loop is quicker than making a view for `set`. */
const SHORT_BYTES = 48;

/** A growing buffer. What it holds is valid until it is cleared. */
export class Output {
  #bytes = new Uint8Array(INITIAL_BYTES);
  #length = 0;

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  clear(): void {
    this.#length = 0;
  }

  /** Makes room for so many more bytes. */
  reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }

  /** Appends source[from, to); there must be room. */
  append(source: Uint8Array, from: number, to: number): void {
    const bytes = this.#bytes;
    let at = this.#length;
    if (to - from < SHORT_BYTES) {
      for (let i = from; i < to; i++) bytes[at++] = source[i] ?? 0;
    } else {
      bytes.set(source.subarray(from, to), at);
      at += to - from;
    }
    this.#length = at;
  }

  appendByte(byte: number): void {
    this.#bytes[this.#length++] = byte;
  }
}
