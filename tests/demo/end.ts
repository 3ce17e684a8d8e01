/** The end of the demo: everything that it made is removed, and seen to be gone. */
import type { CriClient } from "../world/cri_client.ts";
import type { Daemon } from "../world/daemon.ts";
import { assertNothingLeft } from "../world/leftovers.ts";
import { mountsUnder, processesNaming } from "../world/processes.ts";
import type { Screen } from "./screen.ts";

interface Ending {
  readonly screen: Screen;
  readonly daemon: Daemon;
  readonly cri: CriClient;
}

/** Removes all pods, those too that the user has made. @throws when something of them is left */
export async function removePods({ screen, daemon, cri }: Ending): Promise<void> {
  await screen.step("remove the pods", async () => {
    const { items } = await cri.call("listPodSandbox", {});
    for (const { id: podSandboxId } of items) {
      await cri.call("stopPodSandbox", { podSandboxId });
      await cri.call("removePodSandbox", { podSandboxId });
    }
    const what = items.length === 1 ? "The pod is" : `${items.length} pods are`;
    return { done: `${what} stopped and removed`, value: undefined };
  });
  await screen.step("look for what the pods left", async () => {
    await assertNothingLeft(daemon);
    const done = "No namespace, mount, address, rule, cgroup, process or file is left of them";
    return { done, value: undefined };
  });
}

/** Ends the daemon and its containerd. @throws when something of them is left */
export async function removeNode({ screen, daemon }: Omit<Ending, "cri">): Promise<void> {
  await screen.step("end the daemon and containerd", async () => {
    const { dir, network } = daemon;
    await daemon[Symbol.asyncDispose]();
    const left = [
      ...(await mountsUnder(dir)).map((mount) => `mount ${mount}`),
      ...await processesNaming(dir),
      ...await network.traces(),
      ...await exists(`/sys/class/net/${network.bridge}`) ? [`bridge ${network.bridge}`] : [],
      ...await exists(dir) ? [`folder ${dir}`] : [],
    ];
    if (left.length > 0) throw new Error(`left on this machine:\n${left.join("\n")}`);
    return { done: "Daemon, containerd, bridge and folder are gone", value: undefined };
  });
}

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}
