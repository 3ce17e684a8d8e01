/** Collects what a process writes to both its streams, up to a bound. */
import type { Captured, DrainLimits } from "../containers/streams.ts";
import type { LinuxIo } from "../linux/linux_io.ts";
import type { StdioPaths } from "../logs/service.ts";
import type { OutputName } from "./command_client.ts";
import { ExecOutput } from "./exec_output.ts";

/** What a stream may always have, however much the other one says: an error is never crowded out. */
const RESERVED_BYTES = 1024 * 1024;

const FIRST_BYTES = 4096;

/** Bytes of one stream, in one piece: a chunk of a byte must not cost a hundred. */
class Kept {
  readonly #maxBytes: number;
  #bytes = new Uint8Array(0);
  length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(chunk: Uint8Array): void {
    const needed = this.length + chunk.length;
    if (needed > this.#bytes.length) {
      const doubled = Math.min(Math.max(this.#bytes.length * 2, FIRST_BYTES), this.#maxBytes);
      const capacity = Math.max(needed, doubled);
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
  readonly #output: ExecOutput;
  readonly #kept: { readonly stdout: Kept; readonly stderr: Kept };
  readonly #maxBytes: number;
  readonly #givenUp = Promise.withResolvers<boolean>();
  #isCut = false;

  constructor(io: LinuxIo, paths: StdioPaths, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#kept = { stdout: new Kept(maxBytes), stderr: new Kept(maxBytes) };
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
