/**
 * The daemon's main thread: it reads no input but the config, holds what the compartments need
 * together so that it can start them again, and gives up the rest.
 */
import type { FailPoint } from "../base/fail_point.ts";
import { logger } from "../base/log.ts";
import { resolveLogFormat } from "../base/logging.ts";
import { settled } from "../base/settled.ts";
import { type CompartmentName } from "../compartments/start.ts";
import type { Config } from "../config/table.ts";
import type { Watching } from "./compartment.ts";
import { Compartments } from "./compartments.ts";
import { lockState, makeFolders } from "./folders.ts";
import { withContainerdAddress } from "./managed_config.ts";
import { ManagedContainerd } from "./managed_containerd.ts";
import type { CompartmentPermissions, Permissions } from "./permissions.ts";
import { pluginFiles, watchPlugins } from "./plugins.ts";
import { loadApparmorProfile } from "./apparmor.ts";
import { findRuntimeFeatures } from "./runtime_features.ts";
import { serviceManagerOf } from "./service_manager.ts";

const log = logger("supervisor");

export interface SupervisorOptions {
  config: Config;
  /** Where the config came from, for the log. */
  configPath: string;
  /** Aborted when the daemon is told to stop while it starts. */
  signal?: AbortSignal;
  /** For tests. */
  failPoint?: FailPoint;
  /** Called when SIGUSR1 asks for another level: sets that of the main thread. */
  setLogLevel?: (level: string) => void;
  /** Tests put compartments of their own and shorter times here. */
  entries?: Readonly<Record<CompartmentName, URL>>;
  watching?: Watching;
}

/** A running daemon. */
export interface Supervisor {
  /** Changes the level of logging everywhere. */
  setLogLevel(level: string): void;
  /** Whether all compartments are up now. */
  isWhole(): boolean;
  /** What the compartments may do now. */
  permissions(): Permissions;
  /** Stops everything that serves: at once when idle, within seconds when not; pods stay. */
  stop(): Promise<void>;
}

/**
 * Runs the daemon until SIGTERM or SIGINT. SIGUSR1 switches the level of logging between the
 * config's and debug.
 *
 * @throws CriError when it can't start: a second daemon on the same state, no containerd, a
 *   compartment that fails
 */
export async function runSupervisor(o: SupervisorOptions): Promise<void> {
  const { promise: asked, resolve } = Promise.withResolvers<string>();
  const ended = new AbortController();
  const ask = (name: string) => {
    ended.abort();
    resolve(name);
  };
  const onTerm = () => ask("SIGTERM");
  const onInt = () => ask("SIGINT");
  Deno.addSignalListener("SIGTERM", onTerm);
  Deno.addSignalListener("SIGINT", onInt);
  const starting = startSupervisor({ ...o, signal: ended.signal });
  let level: string = o.config.log.level;
  const onUsr1 = () => {
    level = level === "debug" ? other(o.config.log.level) : "debug";
    void starting.then((supervisor) => {
      o.setLogLevel?.(level);
      supervisor.setLogLevel(level);
      log.info("The level of logging is {level} now", { level });
    }, () => {});
  };
  Deno.addSignalListener("SIGUSR1", onUsr1);
  try {
    const supervisor = await starting;
    await revokeUnneeded(supervisor.permissions());
    const manager = await serviceManagerOf(o.config.state);
    await manager.ready(`Serving the CRI on ${o.config.listen}`);
    manager.watch(() => supervisor.isWhole());
    const signal = await asked;
    log.info("Stopping on {signal}; pods stay", { signal });
    await manager.stopping();
    await supervisor.stop();
    manager.close();
  } catch (error) {
    // Told to stop while it was starting: that it didn't come up is what was wanted.
    if (!ended.signal.aborted) throw error;
  } finally {
    Deno.removeSignalListener("SIGTERM", onTerm);
    Deno.removeSignalListener("SIGINT", onInt);
    Deno.removeSignalListener("SIGUSR1", onUsr1);
  }
}

/** A config that already says debug is switched to info and back. */
function other(configured: string): string {
  return configured === "debug" ? "info" : configured;
}

/**
 * Starts folders, lock, containerd (when it is managed) and compartments.
 *
 * @throws CriError as {@link runSupervisor}; nothing is left running then
 */
export async function startSupervisor(o: SupervisorOptions): Promise<Supervisor> {
  const startedAt = performance.now();
  const config = withContainerdAddress(o.config);
  await makeFolders(config);
  const lock = await lockState(config);
  const plugins = await pluginFiles(config.cni.bin_dirs);
  const features = findRuntimeFeatures(config);
  const containerd = config.containerd.managed ? new ManagedContainerd(config) : undefined;
  const logSettings = {
    level: config.log.level,
    format: resolveLogFormat(config.log.format),
  };
  const compartments = new Compartments({ ...o, config, plugins, features, log: logSettings });
  const ended = new AbortController();
  let stopped: Promise<void> | undefined;
  const stop = () =>
    stopped ??= (async () => {
      ended.abort();
      // Those that talk with containerd first: its end is no news then.
      await compartments.stop();
      await containerd?.stop();
      lock[Symbol.dispose]();
    })();
  o.signal?.addEventListener("abort", () => void stop(), { once: true });
  try {
    const profile = loadApparmorProfile();
    await settled([
      containerd?.start() ?? Promise.resolve(),
      compartments.start(Promise.all([containerd?.launched, profile])),
    ]);
  } catch (error) {
    // A half started daemon is stopped as a whole.
    await stop();
    throw error;
  }
  const watching = followPlugins(compartments, {
    dirs: config.cni.bin_dirs,
    known: plugins,
    signal: ended.signal,
  });
  log.info("Ready on {listen} after {ms} ms, with {configPath}", {
    listen: config.listen,
    ms: Math.round(performance.now() - startedAt),
    configPath: o.configPath,
  });
  return {
    setLogLevel: (level) => compartments.setLogLevel(level),
    permissions: () => compartments.permissions,
    isWhole: () => compartments.areUp(),
    stop: async () => {
      await stop();
      await watching;
    },
  };
}

/** Lets the cni compartment run what is in the plugins' folders now, until the signal is aborted. */
function followPlugins(
  compartments: Compartments,
  o: { dirs: readonly string[]; known: readonly string[]; signal: AbortSignal },
): Promise<void> {
  return watchPlugins({
    ...o,
    onChange: async (files) => {
      log.info("The network plugins changed: {count} files may be run now", {
        count: files.length,
      });
      await compartments.replacePlugins(files);
    },
  });
}

/** The kinds of which the executable may hold more than any compartment uses. */
const REVOCABLE = ["sys", "env", "ffi"] as const satisfies (keyof CompartmentPermissions)[];

/**
 * Gives up what no compartment will need again. Files, network and programs can't be narrowed
 * here: Deno drops a kind as a whole or not at all once it was granted without a list.
 */
async function revokeUnneeded(permissions: Permissions): Promise<void> {
  for (const name of REVOCABLE) {
    const isNeeded = Object.values(permissions).some((own) => own[name].length > 0);
    if (!isNeeded) await Deno.permissions.revoke({ name });
  }
  await Deno.permissions.revoke({ name: "import" });
}
