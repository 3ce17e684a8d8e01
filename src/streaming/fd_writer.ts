/** Writes to a FIFO or a socket as fast as its reader takes it. */
import type { LinuxIo } from "../linux/linux_io.ts";

export class FdWriter {
  readonly #io: LinuxIo;
  readonly #fd: number;
  /** Whoever writes next waits for the one before. */
  #last: Promise<unknown> = Promise.resolve();
  #room: (() => void) | undefined;
  #isWatched = false;
  #isClosed = false;

  /** The writer closes the file. */
  constructor(io: LinuxIo, fd: number) {
    this.#io = io;
    this.#fd = fd;
  }

  /** Writes all of it; false when nobody reads any more, or the writer was closed. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    const writing = this.#last.then(() => this.#writeAll(bytes));
    this.#last = writing.catch(() => undefined);
    return writing;
  }

  /** Everything written so far goes out first. */
  async end(): Promise<void> {
    await this.#last;
    this.close();
  }

  /** Closes at once; who is writing is told that it is over. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#isWatched) this.#io.unwatch(this.#fd);
    this.#io.closeFd(this.#fd);
    this.#tellRoom();
  }

  async #writeAll(bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#isClosed) return false;
      const written = this.#io.writeFd(this.#fd, rest);
      if (written === "gone") return false;
      if (written === "later") await this.#waitForRoom();
      else rest = rest.subarray(written);
    }
    return true;
  }

  #waitForRoom(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#room = resolve;
    if (this.#isWatched) this.#io.watchAgain(this.#fd);
    else this.#io.watchWritable(this.#fd, () => this.#tellRoom());
    this.#isWatched = true;
    return promise;
  }

  #tellRoom(): void {
    const room = this.#room;
    this.#room = undefined;
    room?.();
  }
}
