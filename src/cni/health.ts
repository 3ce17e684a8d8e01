/** Whether a network's plugins are there and well, for who asks all the time. */
import { assertPlugins, type Chain, type ChainDeps, statusChain } from "./chain.ts";
import type { Network } from "./conf.ts";

/** Plugins that were there aren't looked for again before this. */
const THERE_FOR_MS = 1_000;
/** A plugin that was asked whether it is well isn't asked again before this. */
const WELL_FOR_MS = 5_000;
/** kubelet waits for Status: a plugin that hangs must not hold it up. */
const STATUS_TIMEOUT_MS = 5_000;

export class NetworkHealth {
  readonly #deps: ChainDeps;
  readonly #chainOf: (network: Network, signal: AbortSignal) => Promise<Chain>;
  /** By what `performance.now()` says. Networks are read anew when their file changes. */
  readonly #thereUntil = new WeakMap<Network, number>();
  readonly #wellUntil = new WeakMap<Network, number>();

  constructor(deps: ChainDeps, chainOf: (network: Network, signal: AbortSignal) => Promise<Chain>) {
    this.#deps = deps;
    this.#chainOf = chainOf;
  }

  /**
   * Plugins there, a version in common, and STATUS says yes.
   *
   * @throws CriError that names the plugin that is missing or unwell (CNI, STATUS)
   */
  async assertWell(network: Network): Promise<void> {
    if (performance.now() >= (this.#thereUntil.get(network) ?? 0)) {
      assertPlugins(this.#deps, network);
      this.#thereUntil.set(network, performance.now() + THERE_FOR_MS);
    }
    if (performance.now() < (this.#wellUntil.get(network) ?? 0)) return;
    const signal = AbortSignal.timeout(2 * STATUS_TIMEOUT_MS);
    const timeoutMs = Math.min(STATUS_TIMEOUT_MS, this.#deps.timeoutMs);
    const chain = await this.#chainOf(network, signal);
    await statusChain({ ...this.#deps, timeoutMs }, chain, signal);
    this.#wellUntil.set(network, performance.now() + WELL_FOR_MS);
  }
}
