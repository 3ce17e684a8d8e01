/**
 * The containerd that the daemon starts and watches when the config says `managed = true`.
 *
 * 1. It ends with the daemon on SIGTERM; shims and pods live on, and the next one finds them.
 * 2. When the daemon is killed, its containerd runs on. The next daemon adopts it, unless the
 *    config that it was started with is not the one it would get now.
 * 3. One that goes down is started again, with backoff.
 */
import { CriError } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { Config } from "../config/table.ts";
import { Backoff } from "./backoff.ts";
import { pause } from "../base/pause.ts";
import {
  type ContainerdProcess,
  endContainerd,
  findContainerd,
  findOrphan,
  searchPath,
  socketAnswers,
  spawnContainerd,
  writePidFile,
} from "./containerd_process.ts";
import {
  majorVersion,
  managedContainerdConfig,
  type ManagedPaths,
  managedPaths,
} from "./managed_config.ts";

const log = logger("containerd");

/** A database of many thousand containers takes a while to open. */
const ANSWER_TIMEOUT_MS = 60_000;

export class ManagedContainerd {
  readonly #binaries: string;
  readonly #paths: ManagedPaths;
  readonly #stopping = new AbortController();
  #process: ContainerdProcess | undefined;
  #watch: Promise<void> | undefined;
  readonly #launched = Promise.withResolvers<void>();
  #lastError = "";

  constructor(config: Config) {
    this.#binaries = config.containerd.binaries;
    this.#paths = managedPaths(config);
  }

  /**
   * Brings containerd up, or takes over the one that runs, and watches it from then on.
   *
   * @throws CriError failedPrecondition when there is no containerd or it doesn't come up
   */
  async start(): Promise<void> {
    let startedAt = performance.now();
    let process = await this.#bringUp().finally(this.#launched.resolve);
    this.#watch = (async () => {
      const backoff = new Backoff();
      while (true) {
        const how = await process.ended;
        this.#process = undefined;
        if (this.#stopping.signal.aborted) return;
        const waitMs = backoff.next(performance.now() - startedAt);
        log.error("containerd ended ({how}) and is started again in {waitMs} ms", { how, waitMs });
        await pause(waitMs, this.#stopping.signal);
        if (this.#stopping.signal.aborted) return;
        startedAt = performance.now();
        process = await this.#bringUp().catch((error: unknown) => {
          log.error("Cannot start containerd: {error}", { error });
          return { pid: 0, ended: Promise.resolve("it did not come up"), signal: () => {} };
        });
      }
    })();
  }

  /** Resolves when its process is there, or can't be had: what is opened from now on isn't its. */
  get launched(): Promise<void> {
    return this.#launched.promise;
  }

  /** Ends containerd. Pods stay. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    const process = this.#process;
    this.#process = undefined;
    if (process !== undefined) await endContainerd(process);
    await this.#watch;
  }

  async #bringUp(): Promise<ContainerdProcess> {
    const program = await findContainerd(this.#binaries);
    const text = managedContainerdConfig(this.#paths, await versionOf(program));
    const orphan = await findOrphan(this.#paths, this.#stopping.signal);
    const before = await Deno.readTextFile(this.#paths.configFile).catch(() => undefined);
    if (orphan !== undefined && before === text && await this.#answers(orphan)) {
      log.info(
        "Took over containerd {pid}, which the daemon before this one left; what it logs " +
          "is seen again after its next start",
        { pid: orphan.pid },
      );
      return this.#process = orphan;
    }
    if (orphan !== undefined) await endContainerd(orphan);
    await Deno.mkdir(this.#paths.root, { recursive: true, mode: 0o711 });
    await Deno.mkdir(this.#paths.state, { recursive: true, mode: 0o711 });
    await Deno.writeTextFile(this.#paths.configFile, text, { mode: 0o600 });
    return this.#process = await this.#spawn(program);
  }

  async #spawn(program: string): Promise<ContainerdProcess> {
    this.#lastError = "";
    const process = spawnContainerd({
      program,
      configFile: this.#paths.configFile,
      searchPath: searchPath(this.#binaries),
      onError: (message) => this.#lastError = message,
    });
    this.#launched.resolve();
    // Before anything else: from here on a killed daemon leaves it behind.
    await writePidFile(this.#paths.pidFile, process.pid);
    if (await this.#answers(process)) {
      log.info("containerd {pid} ({program}) is up", { pid: process.pid, program });
      return process;
    }
    process.signal("SIGKILL");
    const how = await process.ended;
    const why = this.#lastError === "" ? "" : `: ${this.#lastError}`;
    throw new CriError("failedPrecondition", `containerd did not come up (${how})${why}`, {
      remedy: `try \`${program} --config ${this.#paths.configFile}\``,
    });
  }

  /** Whether it takes connections before it ends, the daemon stops or the time is over. */
  async #answers(process: ContainerdProcess): Promise<boolean> {
    const over = new AbortController();
    void process.ended.then(() => over.abort());
    const timer = setTimeout(() => over.abort(), ANSWER_TIMEOUT_MS);
    const signal = AbortSignal.any([over.signal, this.#stopping.signal]);
    const answers = await socketAnswers(this.#paths.address, signal);
    clearTimeout(timer);
    return answers;
  }
}

async function versionOf(program: string): Promise<number> {
  const { stdout } = await new Deno.Command(program, {
    args: ["--version"],
    stdin: "null",
    stderr: "null",
  }).output();
  const text = new TextDecoder().decode(stdout).trim();
  const major = majorVersion(text);
  if (major !== undefined) return major;
  throw new CriError("failedPrecondition", `${program} --version says ${JSON.stringify(text)}`, {
    remedy: "name the folder of a containerd 1.6 or later in `containerd.binaries`",
  });
}
