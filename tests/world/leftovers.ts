/** What pods leave on a node: nothing, once they are removed. */
import { connectContainerd } from "../../src/containerd/client.ts";
import { cgroupsIn } from "./cgroups.ts";
import type { Daemon } from "./daemon.ts";
import { eventually } from "./delay.ts";
import { filesOf } from "./network.ts";
import { mountsUnder, processesNaming } from "./processes.ts";

/** How long what was told to end may take to be gone. */
const SETTLE_MS = 10_000;

/** Everything on the daemon's node that belongs to pods, a line each; images are none of it. */
export async function leftovers(daemon: Daemon): Promise<string[]> {
  const { dir, network, netnsDir } = daemon;
  const under = (folder: string) => async () =>
    (await filesOf(`${dir}/${folder}`)).map((name) => `${folder}/${name}`);
  const lists = await Promise.all([
    ofContainerd(daemon.containerdAddress),
    mountsUnder(dir),
    network.leases(),
    network.cached(),
    network.traces(),
    filesOf(netnsDir),
    cgroupsIn(daemon.cgroupParent),
    processesNaming(`-address ${daemon.containerdAddress}`),
    under("runc/k8s.io")(),
    under("root/sandboxes")(),
    under("root/containers")(),
    under("state/sandboxes")(),
    under("state/containers")(),
    under("state/io")(),
  ]);
  return lists.flat();
}

/**
 * @param besides what is somebody else's
 * @throws with the list when something is still there after a while
 */
export async function assertNothingLeft(
  daemon: Daemon,
  { besides, timeoutMs = SETTLE_MS }: { besides?: RegExp; timeoutMs?: number } = {},
): Promise<void> {
  let left: string[] = [];
  try {
    await eventually("nothing to be left", async () => {
      left = (await leftovers(daemon)).filter((line) => besides?.test(line) !== true);
      return left.length === 0;
    }, timeoutMs);
  } catch {
    throw new Error(`left on the node:\n${left.join("\n")}`);
  }
}

async function ofContainerd(address: string): Promise<string[]> {
  const containerd = connectContainerd({ address, namespace: "k8s.io" });
  try {
    const found: string[] = [];
    for await (const { id } of containerd.containers.list([])) found.push(`container ${id}`);
    for (const { id } of await containerd.tasks.list()) found.push(`task ${id}`);
    for await (const { name, kind } of containerd.snapshots("overlayfs").list([])) {
      if (kind !== "committed") found.push(`snapshot ${name}`);
    }
    for (const { id, labels } of await containerd.leases.list([])) {
      // That of a transfer which a kill cut off keeps what was fetched for the next try.
      if (!labels.has("containerd.io/gc.expire")) found.push(`lease ${id}`);
    }
    return found;
  } finally {
    containerd.close();
  }
}
