/** The captures of all execs: ExecSync, the part that lives in the io compartment. */
import { CriError, during } from "../base/errors.ts";
import type {
  Captured,
  CaptureService,
  DrainLimits,
  ExecStdioOptions,
} from "../containers/streams.ts";
import type { LinuxIo } from "../linux/linux_io.ts";
import { Capture } from "./capture.ts";
import { type ExecStdio, makeExecStdio } from "./exec_stdio.ts";

interface Open {
  readonly stdio: ExecStdio;
  readonly capture: Capture;
}

export class Captures implements CaptureService {
  readonly #io: LinuxIo;
  readonly #fifoDir: string;
  readonly #open = new Map<string, Open>();

  constructor(io: LinuxIo, fifoDir: string) {
    this.#io = io;
    this.#fifoDir = fifoDir;
  }

  /** How many are open: none, when no ExecSync is under way. */
  get size(): number {
    return this.#open.size;
  }

  async openCapture(options: ExecStdioOptions & { maxBytes: number }): Promise<void> {
    const { containerId, execId, maxBytes } = options;
    let stdio: ExecStdio | undefined;
    try {
      stdio = await makeExecStdio(this.#io, this.#fifoDir, options);
      const capture = new Capture(this.#io, stdio.paths, maxBytes);
      this.#open.set(execId, { stdio, capture });
    } catch (error) {
      await stdio?.remove();
      throw during(`Cannot open the streams of an exec in container ${containerId}`, error);
    }
  }

  async captured(
    { execId }: { execId: string },
    context?: { transfer(...buffers: Transferable[]): void },
  ): Promise<Captured> {
    const open = this.#open.get(execId);
    if (open === undefined) {
      throw new CriError("unavailable", `The output of exec ${execId} was lost in a restart`);
    }
    const captured = await open.capture.whole();
    context?.transfer(...[...captured.stdout, ...captured.stderr].map(({ buffer }) => buffer));
    return captured;
  }

  captureEnding({ execId, ...limits }: { execId: string } & DrainLimits): Promise<void> {
    this.#open.get(execId)?.capture.ending(limits);
    return Promise.resolve();
  }

  async closeCapture({ execId }: { execId: string }): Promise<void> {
    const open = this.#open.get(execId);
    if (open === undefined) return;
    this.#open.delete(execId);
    open.capture.stop();
    await open.stdio.remove();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#open.keys()].map((execId) => this.closeCapture({ execId })));
  }
}
