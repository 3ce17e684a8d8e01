/**
 * Rules of network plugins (bridge with ipMasq, portmap) for pods that are recorded no more. The
 * plugins write network and container into a comment of each rule that leads to a chain of theirs.
 */
import type { Family, Iptables } from "../cni/iptables.ts";
import { attachedIds, type InNetworkDeps } from "./in_network.ts";
import { isId, type Leftover, type Look } from "./leftover.ts";

export interface InIptablesDeps {
  readonly iptables: Iptables;
  /** Names of the networks that pods are attached to. */
  networkNames(): Promise<ReadonlySet<string>>;
  readonly cache: InNetworkDeps["cache"];
}

/** A rule that leads to a container's own chain. */
export interface PodRule {
  readonly family: Family;
  readonly network: string;
  readonly containerId: string;
  /** As it was saved, without what adds it. */
  readonly rule: string;
  readonly chain: string;
}

const RULE =
  /^-A (\S+ .*--comment "(?:dnat )?name: \\"([^"\\]+)\\" id: \\"([^"\\]+)\\"".* -j (CNI-\S+))$/gm;

export function looksInIptables(deps: InIptablesDeps): Look[] {
  return [() => lookForRules(deps)];
}

/** Those of a table that iptables-save printed. */
export function podRules(family: Family, saved: string): PodRule[] {
  return [...saved.matchAll(RULE)].map(
    ([, rule = "", network = "", containerId = "", chain = ""]) => ({
      family,
      network,
      containerId,
      rule,
      chain,
    }),
  );
}

async function lookForRules(deps: InIptablesDeps): ReturnType<Look> {
  const networks = await deps.networkNames();
  const attached = await attachedIds(deps.cache);
  const lost = new Map<string, PodRule[]>();
  for (const family of ["iptables", "ip6tables"] as const) {
    for (const rule of podRules(family, await deps.iptables.save(family))) {
      const { network, containerId } = rule;
      if (!networks.has(network) || !isId(containerId) || attached.has(containerId)) continue;
      lost.set(containerId, [...lost.get(containerId) ?? [], rule]);
    }
  }
  return ({ ids }) =>
    [...lost].filter(([id]) => !ids.has(id)).map(([id, rules]): Leftover => ({
      kind: "iptables rule",
      name: id,
      text: `${rules.length} rules of iptables are for ${id}, which is no pod any more`,
      remedy:
        `iptables-save -t nat | grep ${id} shows them; cri-containerd audit --fix deletes them`,
      remove: async (signal) => {
        for (const family of new Set(rules.map((rule) => rule.family))) {
          const own = rules.filter((rule) => rule.family === family);
          await deps.iptables.restore(family, deletionOf(own), signal);
        }
      },
    }));
}

/** What iptables-restore takes: all of it happens, or nothing. */
function deletionOf(rules: readonly PodRule[]): string {
  const chains = [...new Set(rules.map(({ chain }) => chain))];
  return [
    "*nat",
    ...rules.map(({ rule }) => `-D ${rule}`),
    ...chains.map((chain) => `-F ${chain}`),
    ...chains.map((chain) => `-X ${chain}`),
    "COMMIT\n",
  ].join("\n");
}
