/** Reads the FIFO of a process's output until its end, no faster than it is taken. */
import { logger } from "../base/log.ts";
import type { LinuxIo } from "../linux/linux_io.ts";

const log = logger("streaming");

/** Read at once, into memory that all readers use in turn. */
const READ_BYTES = 65_536;

/** Reads in one turn of the event loop: as much as a FIFO holds, then it is others' turn. */
const READS_A_TURN = 4;

const space = new Uint8Array(READ_BYTES);

export interface FifoReaderOptions {
  readonly io: LinuxIo;
  /** The read end; the reader closes it. */
  readonly fd: number;
  /** Takes a chunk, whose memory is used again afterwards; false asks to wait for `resume`. */
  take(chunk: Uint8Array): boolean;
}

/**
 *     reading ⇄ paused (by `take`, until {@link FifoReader.resume})
 *        └─ no writer left ─▶ ended, or before {@link FifoReader.attached}: hung up
 */
export class FifoReader {
  readonly #o: FifoReaderOptions;
  readonly #ended = Promise.withResolvers<void>();
  /** Without it, an end is a shim that tried the FIFO and comes back. */
  #isAttached = false;
  #isPaused = false;
  #isEnded = false;

  constructor(o: FifoReaderOptions) {
    this.#o = o;
    o.io.watch(o.fd, ({ hangup }) => this.#read(hangup));
  }

  /** Resolves at the end of the stream, or when it was stopped. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** The shim has opened the FIFO: an end is an end. */
  attached(): void {
    if (this.#isEnded || this.#isAttached) return;
    this.#isAttached = true;
    if (!this.#isPaused) this.#o.io.watchAgain(this.#o.fd);
  }

  /** What was taken is dealt with, and more can come. */
  resume(): void {
    if (this.#isEnded || !this.#isPaused) return;
    this.#isPaused = false;
    this.#o.io.watchAgain(this.#o.fd);
  }

  /** Ends it where it is. */
  stop(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#o.io.unwatch(this.#o.fd);
    this.#o.io.closeFd(this.#o.fd);
    this.#ended.resolve();
  }

  #read(hangup: boolean): void {
    if (this.#isEnded || this.#isPaused) return;
    try {
      this.#readTurn(hangup);
    } catch (error) {
      log.error("The output of a process is no longer read: {error}", { error });
      this.stop();
    }
  }

  #readTurn(hangup: boolean): void {
    const { io, fd, take } = this.#o;
    for (let turn = 0; turn < READS_A_TURN; turn++) {
      const read = io.readFifo(fd, space);
      if (read === "later") break;
      if (read === 0) {
        // Without a hangup nobody has opened the FIFO yet.
        if (!hangup) break;
        // Before the shim is there, the hangup is told again once it is.
        if (this.#isAttached) this.stop();
        return;
      }
      if (!take(space.subarray(0, read))) {
        this.#isPaused = true;
        return;
      }
    }
    if (!this.#isEnded) io.watchAgain(fd);
  }
}
