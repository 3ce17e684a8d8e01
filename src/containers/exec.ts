/**
 * Exec: gives the URL under which a client may run a program in a container, and runs it once the
 * client is there.
 *
 *   1  a session in the io compartment, which gives out the URL
 *   2  the client connects: the process is started on the session's FIFOs
 *   3  it ends: the client is told its exit code; or the client goes: the process is killed
 */
import { during, toCriError } from "../base/errors.ts";
import { waitFor } from "../base/keyed_lock.ts";
import { logger } from "../base/log.ts";
import type { Tasks } from "../containerd/tasks.ts";
import type { ExecRequest, ExecResponse } from "../gen/cri/v1/api.ts";
import type { StdioPaths } from "../logs/service.ts";
import { type Container, containerLabel } from "../state/containers.ts";
import {
  type ExecDeps,
  ExecProcess,
  newExecId,
  removeLostStreams,
  runningContainer,
} from "./exec_process.ts";
import { DRAIN_LIMITS } from "./exec_sync.ts";
import { Resizer } from "./resizer.ts";
import { onSessionEvent, type SessionEvent, type SessionRemote } from "./streams.ts";

const log = logger("containers");

export interface ExecSessionDeps extends ExecDeps {
  readonly streams: SessionRemote;
  /** Aborted when the daemon stops. */
  readonly stopping: AbortSignal;
}

/**
 * @throws CriError notFound, failedPrecondition when the container doesn't run, resourceExhausted
 *   when too many URLs wait to be used
 */
export async function exec(
  deps: ExecSessionDeps,
  request: ExecRequest,
  signal: AbortSignal,
): Promise<ExecResponse> {
  const container = runningContainer(deps, request.containerId, "run a program in");
  const run = new ExecRun(deps, container, request);
  return { url: await waitFor(run.url, signal) };
}

class ExecRun {
  readonly #deps: ExecSessionDeps;
  readonly #container: Container;
  readonly #request: ExecRequest;
  readonly #execId = newExecId();
  readonly #url = Promise.withResolvers<string>();
  readonly #over = new AbortController();
  readonly #resizer: Resizer;
  #running: Promise<void> | undefined;

  constructor(deps: ExecSessionDeps, container: Container, request: ExecRequest) {
    this.#deps = deps;
    this.#container = container;
    this.#request = request;
    this.#resizer = new Resizer(deps.containerd.tasks, container.id, this.#execId);
    void this.#serve();
  }

  get url(): Promise<string> {
    return this.#url.promise;
  }

  /** Lasts as long as the session in the io compartment. */
  async #serve(): Promise<void> {
    const { tty, stdin, stdout, stderr } = this.#request;
    const { id: containerId } = this.#container;
    const options = {
      sessionId: this.#execId,
      containerId,
      terminal: tty,
      stdin,
      stdout,
      stderr,
    };
    try {
      await this.#deps.streams.serveExec(options, {
        signal: this.#deps.stopping,
        onProgress: onSessionEvent((event) => this.#take(event)),
      });
    } catch (error) {
      this.#url.reject(during("Cannot open a stream", error));
      await this.#end();
      await removeLostStreams(this.#deps, containerId, this.#execId);
    } finally {
      await this.#end();
    }
  }

  async #end(): Promise<void> {
    this.#over.abort(new DOMException("The client went away", "AbortError"));
    await this.#running;
  }

  #take(event: SessionEvent): void {
    if (event.kind === "url") this.#url.resolve(event.url);
    else if (event.kind === "connected") this.#running ??= this.#run(event.stdio);
    else if (event.kind === "resize") this.#resizer.resize(event);
    else if (event.kind === "stdinEnded") void this.#closeStdin();
  }

  async #run(stdio: StdioPaths): Promise<void> {
    const { streams } = this.#deps;
    const sessionId = this.#execId;
    try {
      const process = new ExecProcess(this.#deps, {
        container: this.#container,
        execId: sessionId,
        terminal: this.#request.tty,
        stdio,
      });
      try {
        await this.#start(process);
        await streams.execStarted({ sessionId });
        this.#resizer.started();
        const { exitCode } = await process.exited(this.#over.signal);
        await streams.execExited({ sessionId, exitCode, ...DRAIN_LIMITS });
      } finally {
        await process.end();
      }
    } catch (error) {
      if (!this.#over.signal.aborted) await this.#fail(error);
    }
  }

  async #start(process: ExecProcess): Promise<void> {
    const { cmd: args, tty } = this.#request;
    const { signal } = this.#over;
    // A program may look at its terminal's size as the first thing that it does.
    const size = tty ? await this.#resizer.first(signal) : undefined;
    await process.create({ args, size }, signal);
    await process.start(signal);
  }

  async #fail(error: unknown): Promise<void> {
    const known = toCriError(error);
    log.info("Cannot run {program} in container {container}: {error}", {
      program: this.#request.cmd[0],
      container: containerLabel(this.#container),
      containerId: this.#container.id,
      error: known,
    });
    try {
      await this.#deps.streams.execFailed({ sessionId: this.#execId, message: known.text });
    } catch {
      // The client has gone: there is nobody to tell.
    }
  }

  async #closeStdin(): Promise<void> {
    await closeStdin(this.#deps.containerd.tasks, this.#container.id, this.#execId);
  }
}

/** The process is to see the end of its input. One that has ended meanwhile needs no input. */
export async function closeStdin(
  tasks: Pick<Tasks, "closeStdin">,
  id: string,
  execId?: string,
): Promise<void> {
  try {
    await tasks.closeStdin(id, execId === undefined ? {} : { execId });
  } catch (error) {
    log.debug("The input of a process in {containerId} was not closed: {error}", {
      containerId: id,
      error,
    });
  }
}
