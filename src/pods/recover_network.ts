/** The pods' networks after a start of this daemon. */
import { logger } from "../base/log.ts";
import type { CniNetworks } from "../cni/types.ts";
import { podName, type Sandbox, type SandboxStore } from "../state/sandboxes.ts";
import { attachment } from "./network.ts";

const log = logger("pods");

/** A plugin that hangs must not keep the daemon from serving. */
const RELEASE_TIMEOUT_MS = 20_000;

/** One pod's network is looked at; all plugins of a chain are asked. */
const CHECK_TIMEOUT_MS = 60_000;

export interface RecoverNetworkDeps {
  readonly network: Pick<CniNetworks, "gc" | "check">;
  readonly sandboxes: SandboxStore;
}

/**
 * Gives back what pods hold on the network that are gone, with their records removed by somebody or
 * lost. It must be done before pods are made: what is attached meanwhile would be taken for stale.
 *
 * @param setAside ids of pods whose records can't be read: they may live
 */
export async function releaseStaleNetworks(
  deps: RecoverNetworkDeps,
  setAside: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const own = [...deps.sandboxes.values()].filter(hasNetwork).map(({ metadata }) => {
    const { containerId, ifName } = attachment(metadata);
    return { containerId, ifName };
  });
  const others = setAside.map((containerId) => ({ containerId, ifName: "eth0" }));
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(RELEASE_TIMEOUT_MS)]);
  try {
    await deps.network.gc([...own, ...others], bounded);
  } catch (error) {
    // Addresses that stay taken are tried again at the next start; pods can be run all the same.
    log.warn("Not everything that gone pods held on the network is given back: {error}", { error });
  }
}

/**
 * Asks the plugins whether the network of each ready pod is as they made it, and logs what isn't: a
 * flushed table of rules shows here before somebody misses the pod. Pods are left as they are, for
 * a plugin that is wrong about one must not end it.
 */
export async function checkNetworks(deps: RecoverNetworkDeps, signal: AbortSignal): Promise<void> {
  for (const pod of [...deps.sandboxes.values()].filter(hasNetwork)) {
    if (signal.aborted) return;
    if (deps.sandboxes.find(pod.id)?.state.kind !== "ready") continue;
    try {
      const bounded = AbortSignal.any([signal, AbortSignal.timeout(CHECK_TIMEOUT_MS)]);
      await deps.network.check(attachment(pod.metadata), bounded);
    } catch (error) {
      if (signal.aborted || deps.sandboxes.find(pod.id)?.state.kind !== "ready") continue;
      log.warn("Pod {pod} may have no network any more; delete it to have it made anew: {error}", {
        pod: podName(pod),
        sandboxId: pod.id,
        error,
      });
    }
  }
}

function hasNetwork({ metadata }: Sandbox): boolean {
  return metadata.netnsPath !== "";
}
