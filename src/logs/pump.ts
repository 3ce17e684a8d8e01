/** Moves one stream of a container from its FIFO to the log file. */
import { logger } from "../base/log.ts";
import type { LinuxIo } from "../linux/linux_io.ts";
import { LineFramer, LineHeads, type StreamName } from "./format.ts";
import type { LogFile } from "./log_file.ts";
import type { Output } from "./output.ts";
import type { Taps } from "./tap.ts";

const log = logger("logs");

/** Read at once; what is written has to wait its turn behind other containers no longer than that. */
export const READ_BYTES = 65_536;

/** Memory that all streams use one after the other, within one turn of the event loop. */
export interface Workspace {
  readonly input: Uint8Array<ArrayBuffer>;
  readonly output: Output;
}

export interface PumpOptions {
  readonly io: LinuxIo;
  readonly space: Workspace;
  readonly stream: StreamName;
  /** The read end; the pump closes it. */
  readonly fd: number;
  /** Undefined throws the output away. */
  readonly file: LogFile | undefined;
  readonly maxLineBytes: number;
  readonly taps: Taps;
}

type Step = "more" | "later" | "end";

/**
 *   waiting ──readable──▶ pumping ──nothing there──▶ waiting
 *                            │
 *                            └─ no writer left ─▶ ended, or before {@link attached}: hung up
 */
export class StreamPump {
  readonly #o: PumpOptions;
  readonly #framer: LineFramer;
  readonly #ended = Promise.withResolvers<void>();
  /** Without it, an end is a shim that tried the FIFO and comes back. */
  #isAttached = false;
  #isPumping = false;
  #isEnded = false;
  /** Those who watch the output are waited for a moment, once it is written. */
  #held: Promise<unknown> | undefined;

  constructor(o: PumpOptions) {
    this.#o = o;
    this.#framer = new LineFramer(o.maxLineBytes);
    o.io.watch(o.fd, ({ hangup }) => void this.#pump(hangup));
  }

  /** Resolves when the stream is at its end and all of it is written, or it was stopped. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** The shim has opened the FIFO: an end is an end. */
  attached(): void {
    if (this.#isEnded || this.#isAttached) return;
    this.#isAttached = true;
    if (!this.#isPumping) this.#o.io.watchAgain(this.#o.fd);
  }

  /** After a restart: a shim that has gone already leaves no event behind, so it is looked for. */
  resume(): void {
    this.#isAttached = true;
    void this.#pump(true);
  }

  /** Ends the stream where it is; what is left of a line is written as a part of one. */
  async stop(): Promise<void> {
    await this.#end();
  }

  async #pump(hangup: boolean): Promise<void> {
    if (this.#isPumping || this.#isEnded) return;
    this.#isPumping = true;
    try {
      const step = await this.#copyAll(hangup);
      this.#isPumping = false;
      if (this.#isEnded) return;
      if (step === "end" && this.#isAttached) await this.#end();
      else if (step !== "end") this.#o.io.watchAgain(this.#o.fd);
    } catch (error) {
      log.error("Stream {stream} of a container is no longer read: {error}", {
        stream: this.#o.stream,
        error,
      });
      await this.#end();
    }
  }

  /** Copies until nothing is there. Each batch waits its turn, so that streams share the thread. */
  async #copyAll(hangup: boolean): Promise<Step> {
    const { file } = this.#o;
    let step: Step = "more";
    while (step === "more" && !this.#isEnded) {
      step = file === undefined
        ? this.#discard(hangup)
        : await file.run(() => this.#copy(file, hangup));
      await this.#held;
      this.#held = undefined;
    }
    return step;
  }

  async #copy(file: LogFile, hangup: boolean): Promise<Step> {
    if (this.#isEnded) return "later";
    const { io, space, stream, fd, taps } = this.#o;
    const read = io.readFifo(fd, space.input);
    if (read === "later") return "later";
    // Without a hangup nobody has opened the FIFO yet.
    if (read === 0) return hangup ? "end" : "later";
    const chunk = space.input.subarray(0, read);
    this.#held = taps.take(stream, chunk);
    file.begin(space.output);
    const heads = new LineHeads(stream, io.nowNs());
    this.#framer.frame(chunk, heads, space.output);
    // What was not waited for goes back to the poller, or a flood would leave nobody else a turn.
    return await file.append(space.output) ? "more" : "later";
  }

  /** One read, then the others' turn. */
  #discard(hangup: boolean): Step {
    const { io, space, stream, fd, taps } = this.#o;
    const read = io.readFifo(fd, space.input);
    if (read === 0 && hangup) return "end";
    if (read !== "later" && read > 0) this.#held = taps.take(stream, space.input.subarray(0, read));
    return "later";
  }

  async #end(): Promise<void> {
    if (this.#isEnded) return await this.ended;
    this.#isEnded = true;
    const { io, fd, file } = this.#o;
    io.unwatch(fd);
    try {
      await file?.run(() => this.#finish(file));
    } finally {
      io.closeFd(fd);
      this.#ended.resolve();
    }
  }

  async #finish(file: LogFile): Promise<void> {
    if (!this.#framer.hasRest) return;
    const { io, space, stream } = this.#o;
    file.begin(space.output);
    this.#framer.finish(new LineHeads(stream, io.nowNs()), space.output);
    await file.append(space.output);
  }
}
