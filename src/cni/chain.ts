/**
 * The verbs of a network: its plugins called one after another.
 * https://www.cni.dev/docs/spec/#section-3-execution-of-network-configurations
 */
import { CriError, during, isKind, toCriError } from "../base/errors.ts";
import { pause } from "../base/pause.ts";
import { elapsedMs, logger } from "../base/log.ts";
import type { Network, PluginConf } from "./conf.ts";
import { describePlugin, type Invocation, prepareCall, readAnswer, type Verb } from "./invoke.ts";
import type { JsonObject } from "./json.ts";
import { inVersion } from "./result.ts";
import type { Target } from "./target.ts";
import type { PluginResult, RunPlugin, ValidAttachment } from "./types.ts";
import { isAtLeast, newestCommon } from "./versions.ts";

const log = logger("cni");

export interface ChainDeps {
  readonly run: RunPlugin;
  /** Searched in this order. */
  readonly binDirs: readonly string[];
  /** For each call of a plugin. */
  readonly timeoutMs: number;
}

/** A network in the version in which its plugins are called. */
export interface Chain {
  readonly network: Network;
  readonly version: string;
}

/** A file that has just been installed may be run once the compartment has been made anew. */
const NEW_FILE_RETRIES = 20;
const NEW_FILE_PAUSE_MS = 200;

/** The version in which a network's plugins are called: its own, or the newest they all know. */
export async function chainOf(
  deps: ChainDeps,
  network: Network,
  signal: AbortSignal,
): Promise<Chain> {
  if (network.cniVersion !== undefined) return { network, version: network.cniVersion };
  const types = new Map(network.plugins.map((plugin) => [plugin.type, plugin]));
  const lists: string[][] = [];
  for (const plugin of types.values()) {
    const answer = await call(deps, {
      verb: "VERSION",
      chain: { network, version: "1.0.0" },
      plugin,
    }, signal);
    const { supportedVersions } = answer ?? {};
    const versions: unknown[] = Array.isArray(supportedVersions) ? supportedVersions : ["0.1.0"];
    lists.push(versions.filter((one) => typeof one === "string"));
  }
  const version = newestCommon(lists);
  if (version !== undefined) return { network, version };
  throw new CriError(
    "failedPrecondition",
    `${network.file}: its plugins ${[...types.keys()].join(", ")} have no CNI version in common`,
    { remedy: "install plugins of one release" },
  );
}

/** ADD, in order, each with the result of the one before. The result is the last one's. */
export async function addChain(
  deps: ChainDeps,
  { chain, target }: { chain: Chain; target: Target },
  signal: AbortSignal,
): Promise<JsonObject> {
  let prevResult: JsonObject | undefined;
  for (const plugin of chain.network.plugins) {
    const step = { verb: "ADD", chain, plugin, target, prevResult } as const;
    const answer = await call(deps, step, signal);
    if (answer === undefined) {
      throw new CriError("internal", `${describe(step)} succeeded and printed no result`);
    }
    prevResult = inVersion(answer, chain.version);
  }
  return prevResult ?? {};
}

/** DEL, backwards, each with the result of the whole ADD where the version has that. */
export async function delChain(
  deps: ChainDeps,
  { chain, target, result }: { chain: Chain; target: Target; result: JsonObject | undefined },
  signal: AbortSignal,
): Promise<void> {
  const prevResult = result !== undefined && isAtLeast(chain.version, "0.4.0")
    ? inVersion(result, chain.version)
    : undefined;
  for (const plugin of chain.network.plugins.toReversed()) {
    await call(deps, { verb: "DEL", chain, plugin, target, prevResult }, signal);
  }
}

/** CHECK, in order; nothing where the version or the configuration has none. */
export async function checkChain(
  deps: ChainDeps,
  { chain, target, result }: { chain: Chain; target: Target; result: JsonObject },
  signal: AbortSignal,
): Promise<void> {
  if (!isAtLeast(chain.version, "0.4.0") || chain.network.disableCheck) return;
  const prevResult = inVersion(result, chain.version);
  for (const plugin of chain.network.plugins) {
    await call(deps, { verb: "CHECK", chain, plugin, target, prevResult }, signal);
  }
}

/** GC where the version and the configuration have it. All plugins are called; the first error. */
export async function gcChain(
  deps: ChainDeps,
  { chain, valid }: { chain: Chain; valid: readonly ValidAttachment[] },
  signal: AbortSignal,
): Promise<void> {
  if (!isAtLeast(chain.version, "1.1.0") || chain.network.disableGC) return;
  const errors: unknown[] = [];
  for (const plugin of chain.network.plugins) {
    try {
      await call(deps, { verb: "GC", chain, plugin, valid }, signal);
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}

/** STATUS where the version has it: throws what keeps a plugin from attaching pods. */
export async function statusChain(
  deps: ChainDeps,
  chain: Chain,
  signal: AbortSignal,
): Promise<void> {
  if (!isAtLeast(chain.version, "1.1.0")) return;
  for (const plugin of chain.network.plugins) {
    await call(deps, { verb: "STATUS", chain, plugin }, signal);
  }
}

/**
 * The file of a plugin. Looked for here and now: the kernel has the folders in its memory, and to ask
 * another thread takes many times as long.
 *
 * @throws CriError failedPrecondition with the folders searched
 */
export function findPlugin(
  { binDirs }: Pick<ChainDeps, "binDirs">,
  { type, file }: { type: string; file: string },
): string {
  for (const dir of binDirs) {
    const path = `${dir}/${type}`;
    try {
      if (Deno.statSync(path).isFile) return path;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  throw new CriError(
    "failedPrecondition",
    `plugin ${JSON.stringify(type)} of ${file} is in none of ${binDirs.join(", ")}`,
    { remedy: "install the CNI plugins or correct cni.bin_dirs" },
  );
}

/** @throws CriError failedPrecondition naming a plugin that isn't there */
export function assertPlugins(
  deps: Pick<ChainDeps, "binDirs">,
  { plugins, file }: Network,
): void {
  for (const { type } of plugins) findPlugin(deps, { type, file });
}

/** A network with the plugins that are there: one that isn't has added nothing. */
export function withoutMissing(deps: Pick<ChainDeps, "binDirs">, network: Network): Network {
  const { file } = network;
  const plugins = network.plugins.filter(({ type }) => {
    try {
      return findPlugin(deps, { type, file }) !== "";
    } catch {
      return false;
    }
  });
  return plugins.length === network.plugins.length ? network : { ...network, plugins };
}

interface Step extends Pick<Invocation, "target" | "prevResult" | "valid"> {
  readonly verb: Verb;
  readonly chain: Chain;
  readonly plugin: PluginConf;
}

async function call(
  deps: ChainDeps,
  step: Step,
  signal: AbortSignal,
): Promise<JsonObject | undefined> {
  if (signal.aborted) throw toCriError(signal.reason);
  const { network } = step.chain;
  const { type } = step.plugin;
  const path = findPlugin(deps, { type, file: network.file });
  const invocation = invocationOf(deps, step, path);
  const started = performance.now();
  const result = await run(deps, invocation, signal);
  log.debug("{plugin} took {ms} ms", {
    plugin: describePlugin(invocation),
    ms: elapsedMs(started),
    containerId: step.target?.containerId,
  });
  return readAnswer(invocation, result);
}

function invocationOf(deps: ChainDeps, step: Step, path: string): Invocation {
  const { verb, plugin, target, prevResult, valid, chain: { network, version } } = step;
  const { binDirs, timeoutMs } = deps;
  return {
    verb,
    networkName: network.name,
    cniVersion: version,
    plugin,
    path,
    binDirs,
    timeoutMs,
    target,
    prevResult,
    valid,
  };
}

function describe({ verb, plugin, chain }: Step): string {
  return describePlugin({ verb, plugin, networkName: chain.network.name });
}

async function run(
  deps: ChainDeps,
  invocation: Invocation,
  signal: AbortSignal,
): Promise<PluginResult> {
  for (let attempt = 1;; attempt++) {
    try {
      return await deps.run(prepareCall(invocation), signal);
    } catch (error) {
      if (signal.aborted) throw error;
      if (!isKind(error, "permissionDenied") || attempt > NEW_FILE_RETRIES) {
        throw during(describePlugin(invocation), error);
      }
    }
    await pause(NEW_FILE_PAUSE_MS, signal);
    signal.throwIfAborted();
  }
}
