/** Namespaces, attachments and addresses of pods that are recorded no more. */
import { namesIn } from "../base/names_in.ts";
import type { ResultCache } from "../cni/cache.ts";
import { type HostLocalLease, removeLease } from "../cni/host_local.ts";
import { hasNetns } from "../cni/netns.ts";
import { isPodAttachment } from "../cni/networks.ts";
import type { CniNetworks } from "../cni/types.ts";
import type { Linux } from "../linux/linux.ts";
import { NETNS_PREFIX } from "../state/folders.ts";
import { isId, type Leftover, type Look } from "./leftover.ts";

export interface InNetworkDeps {
  readonly netnsDir: string;
  readonly network: Pick<CniNetworks, "detach">;
  readonly cache: Pick<ResultCache, "list">;
  /** What host-local has given out in the networks of the configuration folder. */
  hostLocalLeases(): Promise<HostLocalLease[]>;
  readonly linux: Pick<Linux, "unpinNetns"> & { usedNetns(): Set<number> };
}

export function looksInNetwork(deps: InNetworkDeps): Look[] {
  return [() => lookForNetns(deps), () => lookForAttachments(deps), () => lookForAddresses(deps)];
}

async function lookForNetns(deps: InNetworkDeps): ReturnType<Look> {
  const { netnsDir, linux } = deps;
  const pinned = (await namesIn(netnsDir)).flatMap((name) => {
    const id = name.startsWith(NETNS_PREFIX) ? name.slice(NETNS_PREFIX.length) : "";
    return isId(id) ? [{ id, path: `${netnsDir}/${name}` }] : [];
  });
  const used = pinned.length === 0 ? new Set<number>() : linux.usedNetns();
  const idle: typeof pinned = [];
  // A namespace with a process in it is somebody's: another daemon's, or of a task that goes first.
  for (const one of pinned) if (!used.has(await inodeOf(one.path))) idle.push(one);
  return ({ netnsPaths }) =>
    idle.filter(({ path }) => !netnsPaths.has(path)).map(({ id, path }): Leftover => ({
      kind: "netns",
      name: path,
      text: `The network namespace ${path} is no pod's, and nothing runs in it`,
      remedy: `umount ${path}; rm ${path}`,
      remove: async (signal) => {
        // The addresses are given back before the namespace goes: DEL needs it.
        await deps.network.detach(attachmentOf(id, path), signal);
        linux.unpinNetns(path);
      },
    }));
}

async function lookForAttachments(deps: InNetworkDeps): ReturnType<Look> {
  const gone = new Map<string, { netnsPath: string; networks: string[] }>();
  for (const attachment of await deps.cache.list()) {
    const { networkName, target: { containerId, netnsPath } } = attachment;
    if (!isPodAttachment(attachment) || hasNetns(netnsPath)) continue;
    const networks = gone.get(containerId)?.networks ?? [];
    gone.set(containerId, { netnsPath, networks: [...networks, networkName] });
  }
  return ({ pods }) =>
    [...gone].filter(([id]) => !pods.has(id)).map(([id, { netnsPath, networks }]): Leftover => ({
      kind: "attachment",
      name: id,
      text: `${id} is still attached to ${networks.join(" and ")}, and is no pod any more`,
      remedy: "cri-containerd audit --fix has the network's plugins give back what they hold",
      remove: (signal) => deps.network.detach(attachmentOf(id, netnsPath), signal),
    }));
}

/** With no attachment in the cache no plugin can be told to give the address back. */
async function lookForAddresses(deps: InNetworkDeps): ReturnType<Look> {
  const leases = await deps.hostLocalLeases();
  const attached = leases.length === 0 ? new Set() : await attachedIds(deps.cache);
  const lost: HostLocalLease[] = [];
  for (const lease of leases) {
    const { containerId } = lease;
    if (!isId(containerId) || attached.has(containerId)) continue;
    if (!hasNetns(`${deps.netnsDir}/${NETNS_PREFIX}${containerId}`)) lost.push(lease);
  }
  return ({ ids }) =>
    lost.filter(({ containerId }) => !ids.has(containerId)).map((lease): Leftover => ({
      kind: "address",
      name: lease.file,
      text: `${lease.address} of network ${lease.network} is taken by ${lease.containerId}, ` +
        "which is no pod any more",
      remedy: `rm ${lease.file}`,
      remove: () => removeLease(lease),
    }));
}

/** Of all that is attached, as far as the cache knows. */
export async function attachedIds(cache: InNetworkDeps["cache"]): Promise<Set<string>> {
  return new Set((await cache.list()).map(({ target }) => target.containerId));
}

/** Enough for DEL of what is in the cache, where the rest is. */
function attachmentOf(containerId: string, netnsPath: string) {
  const args = new Map<string, string>();
  return { containerId, netnsPath, ifName: "eth0", args, portMappings: [] };
}

/** -1 for a path that is gone. */
async function inodeOf(path: string): Promise<number> {
  try {
    return (await Deno.stat(path)).ino ?? -1;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return -1;
    throw error;
  }
}
