/** Reads a FIFO or a socket until its end, no faster than what comes is taken. */
import { logger } from "../base/log.ts";
import type { LinuxIo } from "../linux/linux_io.ts";

const log = logger("streaming");

/** Read at once, into memory that all readers use in turn. */
const READ_BYTES = 65_536;

/** Reads in one turn of the event loop: as much as a FIFO holds, then it is others' turn. */
const READS_A_TURN = 4;

/** After less than this there is hardly more to read: who types, or asks and waits, sends so little. */
const FEW_BYTES = 4_096;

const space = new Uint8Array(READ_BYTES);

export interface FdReaderOptions {
  readonly io: LinuxIo;
  /** The read end; the reader closes it. */
  readonly fd: number;
  readonly kind: "fifo" | "socket";
  /** Takes a chunk, whose memory is used again afterwards; false asks to wait for `resume`. */
  take(chunk: Uint8Array<ArrayBuffer>): boolean;
}

/** "broken" is a connection that ended without saying so. */
export type ReadEnd = "end" | "broken" | "stopped";

/**
 *     reading ⇄ paused (by `take`, until {@link FdReader.resume})
 *        └─ end ─▶ ended; the hangup of a FIFO before {@link FdReader.attached} is none
 */
export class FdReader {
  readonly #o: FdReaderOptions;
  readonly #ended = Promise.withResolvers<ReadEnd>();
  /** Without it, an end is a shim that tried the FIFO and comes back. */
  #isAttached: boolean;
  #isPaused = false;
  #isEnded = false;

  constructor(o: FdReaderOptions) {
    this.#o = o;
    this.#isAttached = o.kind === "socket";
    o.io.watch(o.fd, ({ hangup }) => this.#read(hangup));
  }

  /** Resolves at the end of the stream, or when it was stopped. */
  get ended(): Promise<ReadEnd> {
    return this.#ended.promise;
  }

  get isPaused(): boolean {
    return this.#isPaused;
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
    this.#end("stopped");
  }

  #end(how: ReadEnd): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#o.io.unwatch(this.#o.fd);
    this.#o.io.closeFd(this.#o.fd);
    this.#ended.resolve(how);
  }

  #read(hangup: boolean): void {
    if (this.#isEnded || this.#isPaused) return;
    try {
      this.#readTurn(hangup);
    } catch (error) {
      log.error("The output of a process is no longer read: {error}", { error });
      this.#end("broken");
    }
  }

  #readTurn(hangup: boolean): void {
    const { io, fd, kind, take } = this.#o;
    for (let turn = 0; turn < READS_A_TURN; turn++) {
      const read = kind === "fifo" ? io.readFifo(fd, space) : io.readSocket(fd, space);
      if (read === "later") break;
      if (read === "gone") return this.#end("broken");
      if (read === 0) {
        // Without a hangup nobody has opened the FIFO yet.
        if (kind === "fifo" && !hangup) break;
        // Before the shim is there, the hangup is told again once it is.
        if (this.#isAttached) this.#end("end");
        return;
      }
      if (!take(space.subarray(0, read))) {
        this.#isPaused = true;
        return;
      }
      if (this.#isEnded) return;
      if (read < FEW_BYTES) break;
    }
    io.watchAgain(fd);
  }
}
