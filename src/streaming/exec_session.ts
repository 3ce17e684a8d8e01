/**
 * One client of an exec, from its connection to the last byte of output.
 *
 *     client connects ─▶ FIFOs ─▶ told to the server ─▶ started ─▶ exited ─▶ output drained ─▶ status
 *                                                     └─ failed ─────────────────────────────▶ status
 *
 * The client can go at any moment: then the FIFOs do too, and the server ends the process.
 */
import { CriError } from "../base/errors.ts";
import type { CommandOptions, DrainLimits } from "../containers/streams.ts";
import type { LinuxIo } from "../linux/linux_io.ts";
import type { SessionContext } from "./clients.ts";
import type { CommandClient, Outcome } from "./command_client.ts";
import { ExecOutput } from "./exec_output.ts";
import { type ExecStdio, makeExecStdio } from "./exec_stdio.ts";
import { FdWriter } from "./fd_writer.ts";

export interface ExecSessionDeps {
  readonly io: LinuxIo;
  readonly fifoDir: string;
}

export class ExecSession {
  readonly #deps: ExecSessionDeps;
  readonly #options: CommandOptions;
  readonly #started = Promise.withResolvers<void>();
  readonly #stdinReady = Promise.withResolvers<FdWriter | undefined>();
  #client: CommandClient | undefined;
  #stdio: ExecStdio | undefined;
  #output: ExecOutput | undefined;
  #writer: FdWriter | undefined;
  #isOver = false;

  constructor(deps: ExecSessionDeps, options: CommandOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Serves the client until it is gone. */
  async run(client: CommandClient, context: SessionContext): Promise<void> {
    this.#client = client;
    // The process may read nothing for ever.
    void client.closed.then(() => this.#giveInputUp());
    try {
      await this.#open(client, context);
      await client.run({
        stdin: (chunk) => this.#takeStdin(chunk),
        stdinEnded: () => void this.#endStdin(context),
        resize: (size) => context.progress({ kind: "resize", ...size }),
      });
    } finally {
      client.close();
      await this.#close();
    }
  }

  started(): void {
    // The client went while the process was started: what is opened now would never be closed.
    if (this.#isOver) throw new CriError("cancelled", "The client has gone");
    const { stdin } = this.#stdio?.paths ?? { stdin: "" };
    this.#output?.attached();
    if (stdin !== "") this.#writer = new FdWriter(this.#deps.io, this.#openStdin(stdin));
    this.#stdinReady.resolve(this.#writer);
    this.#started.resolve();
  }

  async failed(message: string): Promise<void> {
    this.#stdinReady.resolve(undefined);
    await this.#finish({ kind: "failed", message });
  }

  async exited(exitCode: number, limits: DrainLimits): Promise<void> {
    await this.#output?.drained(limits);
    await this.#finish({ kind: "exited", exitCode });
  }

  async #open(client: CommandClient, context: SessionContext): Promise<void> {
    const { containerId, sessionId: execId, terminal, stdin } = this.#options;
    const { io, fifoDir } = this.#deps;
    const wanted = { stdout: this.#options.stdout, stderr: this.#options.stderr };
    this.#stdio = await makeExecStdio(io, fifoDir, { containerId, execId, terminal, stdin });
    const output = new ExecOutput(io, this.#stdio.paths, (stream, chunk) => {
      // Output that nobody wants is read all the same, so that the process can go on.
      if (!wanted[stream] || client.write(stream, chunk)) return true;
      void client.drained().then(() => output.resume());
      return false;
    });
    this.#output = output;
    context.progress({ kind: "connected", stdio: this.#stdio.paths });
  }

  /** The shim has opened the other end. */
  #openStdin(path: string): number {
    return this.#deps.io.openFifoForWrite(path);
  }

  async #takeStdin(chunk: Uint8Array<ArrayBuffer>): Promise<void> {
    const writer = await this.#stdinReady.promise;
    // What a process doesn't read any more is dropped: it is not the client's mistake.
    await writer?.write(chunk);
  }

  /** Everything is written before the process is to see the end. */
  async #endStdin(context: SessionContext): Promise<void> {
    const writer = await this.#stdinReady.promise;
    if (writer === undefined) return;
    await writer.end();
    context.progress({ kind: "stdinEnded" });
  }

  async #finish(outcome: Outcome): Promise<void> {
    if (this.#client === undefined) throw new CriError("internal", "There is no client to tell");
    this.#output?.stop();
    await this.#client.finish(outcome);
  }

  #giveInputUp(): void {
    this.#stdinReady.resolve(undefined);
    this.#writer?.close();
  }

  async #close(): Promise<void> {
    this.#isOver = true;
    this.#giveInputUp();
    this.#output?.stop();
    await this.#stdio?.remove();
  }
}
