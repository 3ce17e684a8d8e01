/** What a client sent on one of its streams and nobody has taken yet: a bounded queue. */

/** More than this makes the giver wait. */
const LIMIT_BYTES = 65_536;

/** Bytes from one giver to one taker. */
export class ChunkQueue {
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  #bytes = 0;
  #isEnded = false;
  #more: (() => void) | undefined;
  #room: (() => void) | undefined;

  /**
   * Copies the chunk in; after the end it is dropped.
   *
   * @returns what the giver waits for, when there is much in it already
   */
  push(chunk: Uint8Array<ArrayBuffer>): Promise<void> | undefined {
    if (this.#isEnded || chunk.length === 0) return undefined;
    this.#chunks.push(chunk.slice());
    this.#bytes += chunk.length;
    this.#wakeTaker();
    if (this.#bytes <= LIMIT_BYTES) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#room = resolve;
    return promise;
  }

  /** No more comes; what is there can still be taken. */
  end(): void {
    this.#isEnded = true;
    this.#wakeTaker();
    this.#wakeGiver();
  }

  /** Nobody takes any more: what is there is dropped, and what comes too. */
  drop(): void {
    this.#chunks.length = 0;
    this.#bytes = 0;
    this.end();
  }

  /** The next chunk, undefined after the last. */
  async take(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    while (true) {
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        this.#bytes -= chunk.length;
        if (this.#bytes <= LIMIT_BYTES) this.#wakeGiver();
        return chunk;
      }
      if (this.#isEnded) return undefined;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#more = resolve;
      await promise;
    }
  }

  #wakeTaker(): void {
    const more = this.#more;
    this.#more = undefined;
    more?.();
  }

  #wakeGiver(): void {
    const room = this.#room;
    this.#room = undefined;
    room?.();
  }
}
