/** Collects what a process writes to both its streams, up to a bound. */
import type { Captured } from "../containers/streams.ts";
import type { LinuxIo } from "../linux/linux_io.ts";
import type { StdioPaths } from "../logs/service.ts";
import { FifoReader } from "./fifo_reader.ts";

/** What a stream may always have, however much the other one says: an error is never crowded out. */
const RESERVED_BYTES = 1024 * 1024;

const FIRST_BYTES = 4096;

/** Bytes of one stream, in one piece: a chunk of a byte must not cost a hundred. */
class Kept {
  #bytes = new Uint8Array(0);
  length = 0;

  add(chunk: Uint8Array): void {
    const needed = this.length + chunk.length;
    if (needed > this.#bytes.length) {
      const capacity = Math.max(needed, this.#bytes.length * 2, FIRST_BYTES);
      this.#bytes = new Uint8Array(this.#bytes.buffer.transfer(capacity));
    }
    this.#bytes.set(chunk, this.length);
    this.length = needed;
  }

  /** All of it; nothing is kept afterwards. */
  take(): Uint8Array<ArrayBuffer> {
    const all = new Uint8Array(this.#bytes.buffer.transfer(this.length));
    this.#bytes = new Uint8Array(0);
    this.length = 0;
    return all;
  }
}

export class Capture {
  readonly #readers: FifoReader[] = [];
  readonly #stdout = new Kept();
  readonly #stderr = new Kept();
  readonly #maxBytes: number;
  #isCut = false;
  #lastChunkAt = 0;

  constructor(io: LinuxIo, paths: StdioPaths, maxBytes: number) {
    this.#maxBytes = maxBytes;
    try {
      this.#open(io, paths.stdout, { own: this.#stdout, other: this.#stderr });
      this.#open(io, paths.stderr, { own: this.#stderr, other: this.#stdout });
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  attached(): void {
    for (const reader of this.#readers) reader.attached();
  }

  /** Whether the streams ended, and did so before they were given up. */
  async drained({ quietMs, drainMs }: { quietMs: number; drainMs: number }): Promise<boolean> {
    this.attached();
    const all = Promise.all(this.#readers.map((reader) => reader.ended)).then(() => true);
    const from = performance.now();
    const { promise: givenUp, resolve } = Promise.withResolvers<boolean>();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = () => {
      const now = performance.now();
      const waitMs = Math.min(
        Math.max(from, this.#lastChunkAt) + quietMs - now,
        from + drainMs - now,
      );
      if (waitMs <= 0) resolve(false);
      else timer = setTimeout(look, Math.ceil(waitMs));
    };
    look();
    try {
      return await Promise.race([all, givenUp]);
    } finally {
      clearTimeout(timer);
    }
  }

  take(isComplete: boolean): Captured {
    this.stop();
    return {
      stdout: this.#stdout.take(),
      stderr: this.#stderr.take(),
      isComplete,
      isCut: this.#isCut,
    };
  }

  stop(): void {
    for (const reader of this.#readers) reader.stop();
  }

  #open(io: LinuxIo, path: string, { own, other }: { own: Kept; other: Kept }): void {
    if (path === "") return;
    const fd = io.openFifoForRead(path);
    this.#readers.push(
      new FifoReader({
        io,
        fd,
        take: (chunk) => {
          this.#lastChunkAt = performance.now();
          const reserved = Math.min(RESERVED_BYTES, this.#maxBytes / 2);
          const free = this.#maxBytes - Math.max(other.length, reserved) - own.length;
          const kept = chunk.subarray(0, Math.max(0, free));
          if (kept.length < chunk.length) this.#isCut = true;
          own.add(kept);
          // What is over is read and thrown away, so that the process can go on.
          return true;
        },
      }),
    );
  }
}
