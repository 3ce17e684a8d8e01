/** A process beside a container's own: made from the container's spec, never left behind. */
import * as v from "valibot";
import { CriError, during, isKind, toCriError } from "../base/errors.ts";
import { removePath } from "../base/gone.ts";
import { newId, type SandboxId } from "../base/id.ts";
import { type KeyedLock, waitFor } from "../base/keyed_lock.ts";
import { logger } from "../base/log.ts";
import type { Containerd } from "../containerd/client.ts";
import type { Exit, Tasks } from "../containerd/tasks.ts";
import { PROCESS_TYPE_URL } from "../containerd/types.ts";
import type { StdioPaths } from "../logs/service.ts";
import { encodeJson } from "../oci/encode.ts";
import { type Container, containerLabel, type ContainerStore } from "../state/containers.ts";
import { execDir, ioDir } from "../state/folders.ts";
import { parseGoJson } from "../state/go_json.ts";
import type { Settings } from "../state/settings.ts";
import type { Size } from "./resizer.ts";

const log = logger("containers");

const SIGKILL = 9;

/** A killed process that isn't gone by then sits in the kernel. */
const KILL_TIMEOUT_MS = 10_000;

export interface ExecDeps {
  readonly settings: Pick<Settings, "stateDir">;
  readonly containerd: Pick<Containerd, "containers" | "tasks">;
  readonly containers: ContainerStore;
  /**
   * A pod's shim starts one process after the other. Many starts at once are sometimes held up for
   * seconds in shims of containerd 1.6, so they are sent one by one.
   */
  readonly execStarts: KeyedLock<SandboxId>;
}

/** A name for an exec, the same for containerd and for its streams. */
export const newExecId = (): string => newId();

/**
 * The container to run something in.
 *
 * @throws CriError notFound, failedPrecondition when it doesn't run
 */
export function runningContainer(
  { containers }: Pick<ExecDeps, "containers">,
  idOrPrefix: string,
  action: string,
): Container {
  const container = containers.get(idOrPrefix);
  if (container.state.kind === "running") return container;
  throw new CriError(
    "failedPrecondition",
    `Cannot ${action} container ${containerLabel(container)} (${container.id}): ` +
      `it is ${container.state.kind}`,
  );
}

const storedSpec = v.object({ process: v.looseObject({ env: v.nullish(v.array(v.string())) }) });
type StoredProcess = v.InferOutput<typeof storedSpec>["process"];

/**
 * What containers' processes are, once it was asked: it stays so for as long as a container has its
 * metadata, which an update replaces. A probe every second is not to read the whole spec.
 */
const processes = new WeakMap<Container["metadata"], StoredProcess>();

/**
 * The container's process with other arguments, as JSON: the same user, environment, folder,
 * capabilities and profiles.
 *
 * @throws CriError internal for a spec that can't be read
 */
async function execSpec(
  { containerd }: Pick<ExecDeps, "containerd">,
  { container, args, terminal, size }: {
    container: Container;
    args: readonly string[];
    terminal: boolean;
    size?: Size | undefined;
  },
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { id, metadata } = container;
  let process = processes.get(metadata);
  if (process === undefined) {
    const { spec } = await containerd.containers.get(id, { signal });
    process = readProcess(spec?.value);
    processes.set(metadata, process);
  }
  const env = process.env ?? [];
  const hasTerm = env.some((entry) => entry.startsWith("TERM="));
  return encodeJson({
    ...process,
    args,
    terminal,
    ...size === undefined ? {} : { consoleSize: size },
    // Programs on a terminal look for its kind.
    env: terminal && !hasTerm ? [...env, "TERM=xterm"] : env,
  });
}

function readProcess(spec: Uint8Array | undefined): StoredProcess {
  try {
    return v.parse(storedSpec, parseGoJson(new TextDecoder().decode(spec))).process;
  } catch (cause) {
    throw new CriError("internal", "The stored spec of the container can't be read", { cause });
  }
}

export interface ExecPlan {
  readonly container: Container;
  readonly execId: string;
  readonly terminal: boolean;
  /** Only the shim opens these, when the process starts. */
  readonly stdio: StdioPaths;
}

/** What is run, and on a terminal of which size. */
export interface Program {
  readonly args: readonly string[];
  readonly size?: Size | undefined;
}

/**
 * A process on its way: create, start, exited. Whoever has one calls {@link end} whatever happens.
 * No step is given up half way: a shim goes on whether its caller waits or not.
 */
export class ExecProcess {
  readonly #deps: ExecDeps;
  readonly #plan: ExecPlan;
  #isKnown = false;
  #exit: Promise<Exit> | undefined;

  constructor(deps: ExecDeps, plan: ExecPlan) {
    this.#deps = deps;
    this.#plan = plan;
  }

  /**
   * Makes it. It needs no FIFO yet: they may be made meanwhile.
   *
   * @throws CriError failedPrecondition when the container ended meanwhile; the signal's reason
   *   when it is aborted before
   */
  async create({ args, size }: Program, signal: AbortSignal): Promise<void> {
    const { container, execId, terminal, stdio } = this.#plan;
    const spec = await execSpec(this.#deps, { container, args, terminal, size }, signal);
    // Also when the call fails: its answer may be all that was lost.
    this.#isKnown = true;
    try {
      await this.#deps.containerd.tasks.exec({
        id: container.id,
        execId,
        terminal,
        ...stdio,
        spec: { typeUrl: PROCESS_TYPE_URL, value: spec },
      });
    } catch (error) {
      throw refused(endedMeanwhile(error));
    }
  }

  /**
   * @throws CriError failedPrecondition when the container ended meanwhile or its program can't be
   *   started; the signal's reason when it is aborted before
   */
  async start(signal: AbortSignal): Promise<void> {
    const { container: { id, metadata }, execId } = this.#plan;
    const { tasks } = this.#deps.containerd;
    const failed = new AbortController();
    try {
      await this.#deps.execStarts.run(metadata.sandboxId, signal, async () => {
        // Asked beforehand: a short program has ended by the time that its start is answered.
        const exit = tasks.wait(id, { execId, signal: failed.signal });
        // Whoever doesn't wait for it any more is not to be troubled by it.
        exit.catch(() => undefined);
        await tasks.startExec(id, execId);
        this.#exit = exit;
      });
    } catch (error) {
      failed.abort(error);
      throw signal.aborted ? error : refused(endedMeanwhile(error));
    }
  }

  /** @throws the signal's reason; failedPrecondition when the container took the process along */
  async exited(signal: AbortSignal): Promise<Exit> {
    if (this.#exit === undefined) throw new CriError("internal", "The process was not started");
    try {
      return await waitFor(this.#exit, signal);
    } catch (error) {
      throw signal.aborted ? error : endedMeanwhile(error);
    }
  }

  /** Kills the process if it is still there, and deletes what its shim keeps of it. */
  async end(): Promise<void> {
    if (!this.#isKnown) return;
    const { container: { id }, execId } = this.#plan;
    await endExec(this.#deps.containerd.tasks, { id, execId, exit: this.#exit });
  }
}

/** A program that isn't in the container is told by shims without a code of its own. */
function refused(error: unknown): unknown {
  if (!isKind(error, "internal")) return error;
  return new CriError("failedPrecondition", error.message, { cause: error });
}

/** containerd's word that something is not there is only about the task: the container is ours. */
function endedMeanwhile(error: unknown): CriError {
  if (isKind(error, "notFound")) {
    return during("The container ended meanwhile", error, "failedPrecondition");
  }
  return toCriError(error);
}

/** Ends a process, whoever has started it and however far that came. */
export async function endExec(
  tasks: Pick<Tasks, "deleteExec" | "kill" | "wait">,
  { id, execId, exit }: { id: string; execId: string; exit?: Promise<Exit> | undefined },
): Promise<void> {
  try {
    if (exit === undefined || !await hasEnded(exit)) await killExec(tasks, id, execId);
    await tasks.deleteExec(id, execId);
  } catch (error) {
    if (isKind(error, "notFound")) return;
    log.error("Cannot end process {execId} in container {containerId}: {error}", {
      execId,
      containerId: id,
      error,
    });
  }
}

async function killExec(
  tasks: Pick<Tasks, "kill" | "wait">,
  id: string,
  execId: string,
): Promise<void> {
  const options = { execId, timeoutMs: KILL_TIMEOUT_MS };
  try {
    await tasks.kill(id, SIGKILL, options);
  } catch (error) {
    // It ended by itself meanwhile, or was never started: it is deleted all the same.
    log.debug("Process {execId} was not killed: {error}", { execId, error });
    return;
  }
  await tasks.wait(id, options);
}

/** Whether an exit is known already, for which a few turns of the microtask queue are enough. */
async function hasEnded(exit: Promise<Exit>): Promise<boolean> {
  const not = Promise.resolve().then(() => false);
  return await Promise.race([exit.then(() => true, () => false), not.then((it) => it)]);
}

/** Removes the FIFOs of a process, of whose streams the compartment that had them knows no more. */
export async function removeLostStreams(
  { settings }: Pick<ExecDeps, "settings">,
  containerId: string,
  execId: string,
): Promise<void> {
  try {
    await removePath(execDir(ioDir(settings), containerId, execId));
  } catch (error) {
    log.warn("The streams of a program in container {containerId} stay: {error}", {
      containerId,
      error,
    });
  }
}
