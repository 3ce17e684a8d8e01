/** The logs of all containers: step 7 of 7, the part that lives in the io compartment. */
import { dirname, normalize } from "node:path";
import { CriError, during, invalidArgument } from "../base/errors.ts";
import type { LinuxIo } from "../linux/linux_io.ts";
import { ContainerLog, type LogDeps } from "./container_log.ts";
import { type LogCounters, logCounters } from "./counters.ts";
import { Journal } from "./journal.ts";
import { Output } from "./output.ts";
import { READ_BYTES } from "./pump.ts";
import { removeStdio } from "./stdio.ts";
import type { TappedStreams } from "./tap.ts";
import type { DrainOptions, LogOptions, LogService, StdioPaths } from "./service.ts";

export interface LogServiceOptions {
  readonly io: LinuxIo;
  /** Folder in which each container's FIFOs have a folder of their own. */
  readonly fifoDir: string;
  /** Folders that logs may lie in. */
  readonly logDirs: readonly string[];
  /** The socket of journald, where containers' output goes too. */
  readonly journal?: string | undefined;
}

/** A service that can be ended: lines begun are written out, the FIFOs stay for the next one. */
export type LogServiceHandle = LogService & {
  stop(): Promise<void>;
  /**
   * The streams of a container, to be watched.
   *
   * @throws CriError failedPrecondition when they aren't open
   */
  streamsOf(containerId: string): Promise<TappedStreams>;
};

/** Opens the service; nothing is read until a container is opened. */
export function openLogService(
  { io, fifoDir, logDirs, journal: path }: LogServiceOptions,
): LogServiceHandle {
  const space = { input: new Uint8Array(READ_BYTES), output: new Output() };
  const counters = logCounters();
  const journal = path === undefined ? undefined : new Journal({ io, counters, path });
  return new Logs({ io, space, logDirs, counters, journal }, fifoDir);
}

const ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/;

class Logs implements LogServiceHandle {
  readonly #deps: LogDeps;
  readonly #fifoDir: string;
  /** A promise, so that a container that is just being opened is known too. */
  readonly #logs = new Map<string, Promise<ContainerLog>>();

  constructor(deps: LogDeps, fifoDir: string) {
    this.#deps = deps;
    this.#fifoDir = fifoDir;
  }

  async open(options: LogOptions): Promise<StdioPaths> {
    const { containerId, resume } = options;
    this.#checkOptions(options);
    const known = this.#logs.get(containerId);
    if (known !== undefined) {
      // The server was restarted and this compartment wasn't: the streams never stopped.
      if (resume) return (await known).paths;
      throw new CriError("alreadyExists", `The streams of container ${containerId} are open`);
    }
    const opening = ContainerLog.open(this.#deps, options);
    this.#logs.set(containerId, opening);
    try {
      return (await opening).paths;
    } catch (error) {
      this.#logs.delete(containerId);
      throw during(`Cannot open the streams of container ${containerId}`, error);
    }
  }

  async attached({ containerId }: { containerId: string }): Promise<void> {
    (await this.#get(containerId)).attached();
  }

  async drained(
    { containerId, timeoutMs, close = false }: DrainOptions,
  ): Promise<{ complete: boolean }> {
    const log = await this.#logs.get(containerId);
    const complete = log === undefined || await log.drained(timeoutMs);
    if (close) await this.close({ containerId });
    return { complete };
  }

  async reopen({ containerId }: { containerId: string }): Promise<void> {
    await (await this.#get(containerId)).reopen();
  }

  async close({ containerId }: { containerId: string }): Promise<void> {
    checkId(containerId);
    const log = this.#logs.get(containerId);
    if (log === undefined) return removeStdio(`${this.#fifoDir}/${containerId}`);
    try {
      await (await log).close();
    } finally {
      this.#logs.delete(containerId);
    }
  }

  counters(): Promise<LogCounters> {
    return Promise.resolve({ ...this.#deps.counters });
  }

  list(): Promise<string[]> {
    return Promise.resolve([...this.#logs.keys()]);
  }

  async stop(): Promise<void> {
    const logs = await Promise.allSettled(this.#logs.values());
    this.#logs.clear();
    await Promise.all(logs.map((log) => log.status === "fulfilled" ? log.value.stop() : undefined));
    await this.#deps.io.close();
  }

  streamsOf(containerId: string): Promise<TappedStreams> {
    return this.#get(containerId);
  }

  async #get(containerId: string): Promise<ContainerLog> {
    const log = await this.#logs.get(containerId);
    if (log !== undefined) return log;
    throw new CriError("failedPrecondition", `Container ${containerId} has no open streams`);
  }

  #checkOptions({ containerId, dir, maxLineBytes, held }: LogOptions): void {
    checkId(containerId);
    for (const path of Object.values(held ?? {})) this.#checkHeld(path);
    if (dir !== `${this.#fifoDir}/${containerId}`) {
      throw invalidArgument("dir", `${dir} is not the container's folder in ${this.#fifoDir}`);
    }
    if (!Number.isInteger(maxLineBytes) || maxLineBytes < 1) {
      throw invalidArgument("maxLineBytes", `${maxLineBytes} is not a number of bytes`);
    }
  }

  #checkHeld(path: string): void {
    const state = dirname(this.#fifoDir);
    if (path === "" || (path.startsWith(`${state}/`) && normalize(path) === path)) return;
    throw new CriError("invalidArgument", `held: ${path} is not below ${state}`, {
      remedy: "to take over the pods of containerd's CRI, set `root` and `state` to its folders",
    });
  }
}

function checkId(containerId: string): void {
  if (!ID.test(containerId)) throw invalidArgument("containerId", "it has a form that no id has");
}
