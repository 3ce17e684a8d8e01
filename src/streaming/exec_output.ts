/** The output of an exec: its FIFOs read, and how long they are waited for after its end. */
import type { DrainLimits } from "../containers/streams.ts";
import type { LinuxIo } from "../linux/linux_io.ts";
import type { StdioPaths } from "../logs/service.ts";
import type { OutputName } from "./command_client.ts";
import { FdReader } from "./fd_reader.ts";

/** Takes a chunk, whose memory is used again afterwards; false: {@link ExecOutput.resume} follows. */
export type TakeOutput = (stream: OutputName, chunk: Uint8Array<ArrayBuffer>) => boolean;

export class ExecOutput {
  readonly #readers: FdReader[] = [];
  #lastChunkAt = 0;

  constructor(io: LinuxIo, paths: StdioPaths, take: TakeOutput) {
    try {
      for (const stream of ["stdout", "stderr"] as const) {
        if (paths[stream] === "") continue;
        const fd = io.openFifoForRead(paths[stream]);
        const reader = new FdReader({
          io,
          fd,
          kind: "fifo",
          take: (chunk) => {
            this.#lastChunkAt = performance.now();
            return take(stream, chunk);
          },
        });
        this.#readers.push(reader);
      }
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  /** True, once all streams are at their end or stopped. */
  get ended(): Promise<true> {
    return Promise.all(this.#readers.map((reader) => reader.ended)).then(() => true as const);
  }

  attached(): void {
    for (const reader of this.#readers) reader.attached();
  }

  /** Goes on after chunks were refused. */
  resume(): void {
    this.#lastChunkAt = performance.now();
    for (const reader of this.#readers) reader.resume();
  }

  stop(): void {
    for (const reader of this.#readers) reader.stop();
  }

  /**
   * Once the process has ended: whether its streams came to their end before they were given up.
   * While whoever takes the output is behind, it is waited for.
   */
  async drained(limits: DrainLimits): Promise<boolean> {
    this.attached();
    const { promise: givenUp, resolve } = Promise.withResolvers<boolean>();
    const from = performance.now();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = () => {
      const waitMs = this.#patience(from, limits);
      if (waitMs <= 0) resolve(false);
      else timer = setTimeout(look, Math.ceil(waitMs));
    };
    look();
    try {
      return await Promise.race([this.ended, givenUp]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** How long it is worth waiting from now on. */
  #patience(from: number, { quietMs, drainMs }: DrainLimits): number {
    const now = performance.now();
    if (this.#readers.some((reader) => reader.isPaused)) return quietMs;
    return Math.min(Math.max(from, this.#lastChunkAt) + quietMs - now, from + drainMs - now);
  }
}
