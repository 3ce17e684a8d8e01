/** The pods' networks: attach, detach and what `Status` tells of them. */
import { CriError, during, isKind, toCriError } from "../base/errors.ts";
import { KeyedLock } from "../base/keyed_lock.ts";
import { logger } from "../base/log.ts";
import { type CachedAttachment, ResultCache } from "./cache.ts";
import {
  addChain,
  assertPlugins,
  type Chain,
  type ChainDeps,
  chainOf,
  checkChain,
  delChain,
  gcChain,
  withoutMissing,
} from "./chain.ts";
import { type Network, parseNetwork } from "./conf.ts";
import { ConfFolder } from "./conf_folder.ts";
import { describeNetworks } from "./describe.ts";
import { NetworkHealth } from "./health.ts";
import { ifNameAt } from "./names.ts";
import { hasNetns } from "./netns.ts";
import { type ChainResult, networkResult } from "./result.ts";
import { problemOf, type Target, targetOf } from "./target.ts";
import type {
  Attachment,
  CniNetworks,
  CniStatus,
  NetworkResult,
  RunPlugin,
  ValidAttachment,
} from "./types.ts";

const log = logger("cni");

const PLUGIN_TIMEOUT_MS = 60_000;
/** By this argument attachments of pods are told from those of other tools in the same cache. */
const POD_ARG = "K8S_POD_INFRA_CONTAINER_ID";

export interface CniOptions {
  readonly confDir: string;
  /** Searched in this order; also what plugins get as CNI_PATH. */
  readonly binDirs: readonly string[];
  readonly cacheDir: string;
  /** How many of the folder's networks pods are attached to; 1 if left out, 0 is all. */
  readonly maxConfNum?: number;
  readonly runPlugin: RunPlugin;
  /** For each call of a plugin; 60,000 if left out. */
  readonly pluginTimeoutMs?: number;
}

/** The networks of a configuration folder. {@link CniNetworks.close} ends the watching. */
export function openCniNetworks(options: CniOptions): CniNetworks {
  return new FolderNetworks(options);
}

class FolderNetworks implements CniNetworks {
  readonly #options: CniOptions & { maxConfNum: number };
  readonly #deps: ChainDeps;
  readonly #folder: ConfFolder;
  readonly #cache: ResultCache;
  /** The specification forbids two operations on one container at a time. */
  readonly #locks = new KeyedLock<string>();
  /** Answers of plugins to VERSION. Networks are read anew when their file changes. */
  readonly #chains = new WeakMap<Network, Chain>();
  readonly #health: NetworkHealth;

  constructor(options: CniOptions) {
    const { confDir, maxConfNum = 1, cacheDir, binDirs, pluginTimeoutMs } = options;
    this.#options = { ...options, maxConfNum };
    this.#deps = {
      run: options.runPlugin,
      binDirs,
      timeoutMs: pluginTimeoutMs ?? PLUGIN_TIMEOUT_MS,
    };
    this.#health = new NetworkHealth(
      this.#deps,
      (network, signal) => this.#chainOf(network, signal),
    );
    this.#folder = new ConfFolder({ confDir, maxConfNum });
    this.#cache = new ResultCache(cacheDir);
  }

  async status(): Promise<CniStatus> {
    const { networks, reason } = await this.#folder.look();
    const [first] = networks;
    if (first === undefined) return { ready: false, reason: reason ?? "no network" };
    try {
      for (const network of networks) await this.#health.assertWell(network);
    } catch (error) {
      return { ready: false, reason: toCriError(error).text };
    }
    return { ready: true, networkName: first.name, file: first.file };
  }

  async attach(attachment: Attachment, signal: AbortSignal): Promise<NetworkResult> {
    const problem = problemOf(attachment);
    if (problem !== undefined) throw problem;
    return await this.#locks.run(attachment.containerId, signal, async () => {
      const { networks, reason } = await this.#folder.look();
      if (networks.length === 0) {
        throw new CriError("failedPrecondition", `Cannot attach the pod: ${reason}`);
      }
      // One that is missing fails the pod before another has done anything.
      for (const network of networks) assertPlugins(this.#deps, network);
      const results: ChainResult[] = [];
      for (const [index, network] of networks.entries()) {
        const chain = await this.#chainOf(network, signal);
        const target = targetOf(attachment, index);
        const raw = await this.#add({ chain, target }, signal);
        results.push({ ifName: target.ifName, raw });
      }
      return networkResult(results);
    });
  }

  async detach(attachment: Attachment, signal: AbortSignal): Promise<void> {
    if (problemOf(attachment) !== undefined) return;
    const { containerId, netnsPath } = attachment;
    await this.#locks.run(containerId, signal, async () => {
      const cached = await this.#cache.list(containerId);
      if (cached.length > 0) {
        for (const one of cached.toReversed()) await this.#detachCached(one, netnsPath, signal);
        return;
      }
      await this.#detachUnknown(attachment, signal);
    });
  }

  async check(attachment: Attachment, signal: AbortSignal): Promise<void> {
    const problem = problemOf(attachment);
    if (problem !== undefined) throw problem;
    await this.#locks.run(attachment.containerId, signal, async () => {
      const made = (await this.#cache.list(attachment.containerId)).flatMap((cached) =>
        cached.result === undefined ? [] : [{ ...cached, result: cached.result }]
      );
      if (made.length === 0) {
        throw new CriError("failedPrecondition", `${attachment.containerId} is not attached`);
      }
      for (const { result, ...cached } of made) {
        const chain = await this.#cachedChain(cached, signal);
        const target = { ...cached.target, netnsPath: attachment.netnsPath };
        try {
          await checkChain(this.#deps, { chain, target, result }, signal);
        } catch (error) {
          throw during("The network is not as it was made", error, "failedPrecondition");
        }
      }
    });
  }

  async gc(valid: readonly ValidAttachment[], signal: AbortSignal): Promise<void> {
    const { networks } = await this.#folder.look();
    const { stale, others } = await this.#sort(valid);
    const errors: unknown[] = [];
    const attempt = async (work: Promise<void>) => {
      await work.catch((error: unknown) => errors.push(error));
    };
    for (const one of stale) {
      const { containerId, netnsPath } = one.target;
      await attempt(
        this.#locks.run(containerId, signal, () => this.#detachCached(one, netnsPath, signal)),
      );
    }
    for (const [index, network] of networks.entries()) {
      const kept = others.filter(({ networkName }) => networkName === network.name)
        .map(({ target: { containerId, ifName } }) => ({ containerId, ifName }));
      const own = valid.map(({ containerId, ifName }) => ({
        containerId,
        ifName: ifNameAt(ifName, index),
      }));
      await attempt(
        this.#chainOf(network, signal).then((chain) =>
          gcChain(this.#deps, { chain, valid: [...own, ...kept] }, signal)
        ),
      );
    }
    if (errors.length > 0) throw errors[0];
  }

  /** What the cache holds of gone pods, and what is neither theirs nor the valid ones'. */
  async #sort(valid: readonly ValidAttachment[]) {
    const stale: CachedAttachment[] = [];
    const others: CachedAttachment[] = [];
    const ids = new Set(valid.map(({ containerId }) => containerId));
    for (const one of await this.#cache.list()) {
      if (isPodAttachment(one) && ids.has(one.target.containerId)) continue;
      const isGone = isPodAttachment(one) && !hasNetns(one.target.netnsPath);
      (isGone ? stale : others).push(one);
    }
    return { stale, others };
  }

  describe(): unknown {
    return describeNetworks(this.#options, this.#folder.last?.networks ?? []);
  }

  close(): void {
    this.#folder.close();
  }

  async #add(
    { chain, target }: { chain: Chain; target: Target },
    signal: AbortSignal,
  ): Promise<ChainResult["raw"]> {
    const { network: { name, source }, version } = chain;
    const record = { networkName: name, target, config: source };
    await this.#cache.write({ ...record, result: undefined }, version);
    const result = await addChain(this.#deps, { chain, target }, signal);
    await this.#cache.write({ ...record, result }, version);
    return result;
  }

  async #detachCached(
    cached: CachedAttachment,
    netnsPath: string,
    signal: AbortSignal,
  ): Promise<void> {
    const chain = await this.#cachedChain(cached, signal);
    const target = { ...cached.target, netnsPath: hasNetns(netnsPath) ? netnsPath : "" };
    await delChain(this.#deps, { chain, target, result: cached.result }, signal);
    await this.#cache.remove(cached);
  }

  /**
   * Without a readable record: by the folder's configuration. Every ADD puts its record down
   * first, so without one and without the namespace there is nothing to give back.
   */
  async #detachUnknown(attachment: Attachment, signal: AbortSignal): Promise<void> {
    const isThere = hasNetns(attachment.netnsPath);
    const { networks } = await this.#folder.look();
    for (const [index, network] of [...networks.entries()].reverse()) {
      const target = targetOf(
        { ...attachment, netnsPath: isThere ? attachment.netnsPath : "" },
        index,
      );
      const key = { networkName: network.name, target };
      if (!isThere && !await this.#cache.has(key)) continue;
      const chain = await this.#chainOf(withoutMissing(this.#deps, network), signal);
      await delChain(this.#deps, { chain, target, result: undefined }, signal);
      await this.#cache.remove(key);
    }
  }

  /** The configuration that an attachment was made with, whatever is in the folder now. */
  async #cachedChain(
    cached: Pick<CachedAttachment, "networkName" | "config">,
    signal: AbortSignal,
  ): Promise<Chain> {
    const { networkName, config } = cached;
    const file = `the configuration kept with network ${networkName}`;
    try {
      return await this.#chainOf(parseNetwork({ file, text: config }).network, signal);
    } catch (error) {
      if (!isKind(error, "failedPrecondition")) throw error;
      const { networks } = await this.#folder.look();
      const current = networks.find(({ name }) => name === networkName);
      if (current === undefined) throw error;
      log.warn("The folder's configuration is used for network {network}: {error}", {
        network: networkName,
        error: error.message,
      });
      return await this.#chainOf(current, signal);
    }
  }

  async #chainOf(network: Network, signal: AbortSignal): Promise<Chain> {
    const known = this.#chains.get(network);
    if (known !== undefined) return known;
    const chain = await chainOf(this.#deps, network, signal);
    this.#chains.set(network, chain);
    return chain;
  }
}

/** Whether an attachment is a pod's, this daemon's or another's. */
export function isPodAttachment({ target }: CachedAttachment): boolean {
  return target.args.some(([key, value]) => key === POD_ARG && value === target.containerId);
}
