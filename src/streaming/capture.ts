/** Collects what a process writes to both its streams, up to a bound. */
import type { Captured, DrainLimits } from "../containers/streams.ts";
import type { LinuxIo } from "../linux/linux_io.ts";
import type { StdioPaths } from "../logs/service.ts";
import type { OutputName } from "./command_client.ts";
import { ExecOutput } from "./exec_output.ts";

/** What a stream may always have, however much the other one says: an error is never crowded out. */
const RESERVED_BYTES = 1024 * 1024;

const FIRST_BYTES = 4096;
/** Blocks grow up to this: what was taken once is never copied again. */
const BLOCK_BYTES = 1024 * 1024;

/** Bytes of one stream, in few pieces: a chunk of a byte must not cost a hundred. */
class Kept {
  #blocks: Uint8Array<ArrayBuffer>[] = [];
  /** How much of the last is free. */
  #free = 0;
  length = 0;

  add(chunk: Uint8Array): void {
    for (let rest = chunk; rest.length > 0;) {
      const block = this.#block();
      const part = rest.subarray(0, this.#free);
      block.set(part, block.length - this.#free);
      this.#free -= part.length;
      this.length += part.length;
      rest = rest.subarray(part.length);
    }
  }

  /** All of it; nothing is kept afterwards. */
  take(): Uint8Array<ArrayBuffer>[] {
    const blocks = this.#blocks;
    const last = blocks.pop();
    if (last !== undefined) blocks.push(last.subarray(0, last.length - this.#free));
    this.#blocks = [];
    this.#free = 0;
    this.length = 0;
    return blocks;
  }

  /** One with room. */
  #block(): Uint8Array<ArrayBuffer> {
    const last = this.#blocks.at(-1);
    if (last !== undefined && this.#free > 0) return last;
    const fresh = new Uint8Array(Math.min(Math.max(this.length, FIRST_BYTES), BLOCK_BYTES));
    this.#blocks.push(fresh);
    this.#free = fresh.length;
    return fresh;
  }
}

export class Capture {
  readonly #output: ExecOutput;
  readonly #kept = { stdout: new Kept(), stderr: new Kept() };
  readonly #maxBytes: number;
  readonly #givenUp = Promise.withResolvers<boolean>();
  #isCut = false;

  constructor(io: LinuxIo, paths: StdioPaths, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#output = new ExecOutput(io, paths, (stream, chunk) => this.#take(stream, chunk));
  }

  /** The shim has the FIFOs: resolves at their ends, or when {@link ending} gives them up. */
  async whole(): Promise<Captured> {
    this.#output.attached();
    const isComplete = await Promise.race([this.#output.ended, this.#givenUp.promise]);
    this.stop();
    return {
      stdout: this.#kept.stdout.take(),
      stderr: this.#kept.stderr.take(),
      isComplete,
      isCut: this.#isCut,
    };
  }

  /** From now on they are waited for no longer than that. */
  ending(limits: DrainLimits): void {
    void this.#output.drained(limits).then((isComplete) => this.#givenUp.resolve(isComplete));
  }

  stop(): void {
    this.#output.stop();
  }

  #take(stream: OutputName, chunk: Uint8Array): boolean {
    const own = this.#kept[stream];
    const other = this.#kept[stream === "stdout" ? "stderr" : "stdout"];
    const reserved = Math.min(RESERVED_BYTES, this.#maxBytes / 2);
    const free = this.#maxBytes - Math.max(other.length, reserved) - own.length;
    const kept = chunk.subarray(0, Math.max(0, free));
    if (kept.length < chunk.length) this.#isCut = true;
    own.add(kept);
    // What is over is read and thrown away, so that the process can go on.
    return true;
  }
}
