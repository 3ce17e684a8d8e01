/** Runs plugins. In the cni compartment alone: no other may run programs. */
import { CriError, toCriError } from "../base/errors.ts";
import { waitFor } from "../base/keyed_lock.ts";
import type { PluginCall, PluginResult } from "./types.ts";

const MAX_STDOUT_BYTES = 4 << 20;
const MAX_STDERR_BYTES = 16 << 10;
/** A program that the plugin left behind can hold its pipes for as long as it likes. */
const PIPE_GRACE_MS = 1_000;
/** An installer may still have the file open for writing (ETXTBSY). */
const BUSY_RETRIES = 10;
const BUSY_PAUSE_MS = 100;

/** Runs a plugin to its end; see {@link import("./types.ts").RunPlugin}. */
export async function runPlugin(call: PluginCall, signal: AbortSignal): Promise<PluginResult> {
  for (const name of Object.keys(call.env)) {
    if (name !== "PATH" && !name.startsWith("CNI_")) {
      throw new CriError("permissionDenied", `${name} is no part of a plugin's environment`);
    }
  }
  const timeout = AbortSignal.timeout(call.timeoutMs);
  const ended = AbortSignal.any([signal, timeout]);
  const child = await spawn(call, ended);
  const kill = () => killHard(child);
  ended.addEventListener("abort", kill, { once: true });
  if (ended.aborted) kill();
  const stdout = new Output(child.stdout, { maxBytes: MAX_STDOUT_BYTES, onFull: kill });
  const stderr = new Output(child.stderr, { maxBytes: MAX_STDERR_BYTES });
  try {
    const input = feed(child.stdin, call.stdin);
    const status = await child.status;
    await drained([input, stdout, stderr]);
    const errors = new TextDecoder().decode(stderr.bytes());
    if (ended.aborted) throw stopped(call, { signal, errors });
    if (stdout.isFull) {
      throw new CriError("internal", `${call.path} printed over ${MAX_STDOUT_BYTES} bytes`);
    }
    return { code: status.code, stdout: stdout.bytes(), stderr: errors };
  } finally {
    ended.removeEventListener("abort", kill);
  }
}

function killHard(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

function stopped(
  call: PluginCall,
  { signal, errors }: { signal: AbortSignal; errors: string },
): unknown {
  if (signal.aborted) return toCriError(signal.reason);
  const tail = errors.trim() === "" ? "" : `; it wrote: ${errors.trim().slice(-1000)}`;
  return new CriError(
    "deadlineExceeded",
    `${call.path} (${call.env.CNI_COMMAND}) was killed as it took over ${call.timeoutMs} ms${tail}`,
  );
}

async function spawn(call: PluginCall, signal: AbortSignal): Promise<Deno.ChildProcess> {
  const command = new Deno.Command(call.path, {
    env: call.env,
    clearEnv: true,
    cwd: "/",
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  for (let attempt = 1;; attempt++) {
    try {
      return command.spawn();
    } catch (error) {
      if (!isBusy(error) || attempt > BUSY_RETRIES) throw spawnError(call.path, error);
    }
    const pause = Promise.withResolvers<void>();
    const timer = setTimeout(pause.resolve, BUSY_PAUSE_MS);
    try {
      await waitFor(pause.promise, signal);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Deno has neither a class nor a code for ETXTBSY, so all errors without one are tried again. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && error.constructor === Error && !("code" in error);
}

function spawnError(path: string, cause: unknown): CriError {
  if (cause instanceof Deno.errors.NotCapable) {
    return new CriError("permissionDenied", `${path} is not a plugin that may be run`, {
      cause,
      remedy: "put it into one of the folders of cni.bin_dirs",
    });
  }
  if (cause instanceof Deno.errors.NotFound) {
    return new CriError("notFound", `${path} is not there, or not for this machine`, { cause });
  }
  const message = cause instanceof Error ? cause.message : String(cause);
  return new CriError("internal", `${path} can't be run: ${message}`, { cause });
}

/** One of a plugin's three pipes. */
interface Pipe {
  readonly ended: Promise<void>;
  stop(): void;
}

/** A plugin that doesn't read its input, or has ended, is no error here: its answer tells. */
function feed(stdin: WritableStream<Uint8Array>, bytes: Uint8Array): Pipe {
  const writer = stdin.getWriter();
  const ended = writer.write(bytes).then(() => writer.close()).catch(() => {});
  return { ended, stop: () => void writer.abort().catch(() => {}) };
}

/** Waits for the pipes of a plugin that has ended, but not for who else has them open. */
async function drained(pipes: Pipe[]): Promise<void> {
  const timer = setTimeout(() => pipes.forEach((pipe) => pipe.stop()), PIPE_GRACE_MS);
  await Promise.all(pipes.map((pipe) => pipe.ended));
  clearTimeout(timer);
}

/** What comes out of a pipe: all up to a limit with `onFull`, else the last bytes. */
class Output implements Pipe {
  readonly ended: Promise<void>;
  isFull = false;
  readonly #chunks: Uint8Array[] = [];
  #size = 0;
  readonly #maxBytes: number;
  readonly #onFull: (() => void) | undefined;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(
    stream: ReadableStream<Uint8Array>,
    { maxBytes, onFull }: { maxBytes: number; onFull?: () => void },
  ) {
    this.#maxBytes = maxBytes;
    this.#onFull = onFull;
    this.#reader = stream.getReader();
    this.ended = this.#read();
  }

  stop(): void {
    void this.#reader.cancel().catch(() => {});
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.#size);
    let at = 0;
    for (const chunk of this.#chunks) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all.subarray(Math.max(0, all.length - this.#maxBytes));
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (done) return;
        this.#take(value);
      }
    } catch {
      // Cancelled, or the pipe broke: what came is what there is.
    }
  }

  #take(chunk: Uint8Array): void {
    if (this.isFull) return;
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#onFull !== undefined && this.#size > this.#maxBytes) {
      this.isFull = true;
      this.#onFull();
    }
    for (;;) {
      const [first] = this.#chunks;
      if (first === undefined || this.#size - first.length < this.#maxBytes) return;
      this.#chunks.shift();
      this.#size -= first.length;
    }
  }
}
