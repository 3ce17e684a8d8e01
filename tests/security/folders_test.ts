/**
 * What other users of the node can reach of pods: nothing. Ids are no secret, for the kernel shows
 * them in cgroups, and images hold programs with the set-user-ID bit (CVE-2021-41103, CVE-2024-25621).
 */
import assert from "node:assert/strict";
import { crictlOf, whereCrictlIs } from "../world/crictl.ts";
import { type Daemon, startDaemon } from "../world/daemon.ts";
import { assertNothingLeft } from "../world/leftovers.ts";
import { processesNaming } from "../world/processes.ts";
import { busyboxRegistry, containerConfig, podConfig, Pods } from "../world/requests.ts";

/** Which of the paths nobody, an ordinary user, can look into. */
async function reachable(paths: readonly string[]): Promise<string[]> {
  const script = 'for path; do [ ! -r "$path" ] && [ ! -x "$path" ] || echo "$path"; done';
  const { stdout } = await new Deno.Command("setpriv", {
    args: ["--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", script, "sh", ...paths],
    stderr: "inherit",
  }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
}

/** Paths that are there: one that isn't would be out of reach too. */
async function existing(paths: readonly string[]): Promise<readonly string[]> {
  for (const path of paths) await Deno.lstat(path);
  return paths;
}

function foldersOf({ dir }: Daemon, { pod, container }: { pod: string; container: string }) {
  return [
    `${dir}/state/sandboxes/${pod}/shm`,
    `${dir}/state/images/${container}/0`,
    `${dir}/state/io/${container}`,
    `${dir}/state/io`,
    `${dir}/root/containers/${container}`,
    `${dir}/root/containers/${container}/status`,
    `${dir}/root/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots`,
    `${dir}/root/containerd/io.containerd.content.v1.content/blobs`,
    `${dir}/state/containerd/io.containerd.runtime.v2.task/k8s.io/${container}`,
    `${dir}/cni/results`,
    `${dir}/cri.sock`,
  ];
}

Deno.test(
  whereCrictlIs(
    "an ordinary user of the node reaches nothing of a pod, by path or by abstract socket",
  ),
  async () => {
    await using daemon = await startDaemon();
    const crictl = crictlOf(daemon);
    await using busybox = await busyboxRegistry();
    const { image } = busybox;
    await crictl("pull", image);
    const pods = new Pods(crictl, daemon);
    const pod = await pods.run("web");
    const mounts = [{ container_path: "/mounted", image: { image }, readonly: true }];
    const container = await pods.create(pod, {
      pod: podConfig(daemon, "web"),
      container: containerConfig("web", image, { mounts }),
    });
    await crictl("start", container);
    const paths = await existing(foldersOf(daemon, { pod, container }));
    assert.deepEqual(await reachable(paths), []);
    // The other way round, so that the look itself is known to see something.
    assert.deepEqual(await reachable([daemon.network.confDir]), [daemon.network.confDir]);
    assert.deepEqual(await abstractSockets(daemon), []);
    await pods.removeAll();
    await assertNothingLeft(daemon);
  },
);

/** Whoever is in the node's network could call them, whatever their user may read (CVE-2020-15257). */
async function abstractSockets({ dir, pid, containerdAddress }: Daemon): Promise<string[]> {
  const own = new Set<string>();
  for (const one of [pid, ...await pidsNaming(containerdAddress), ...await pidsNaming(dir)]) {
    for await (const { name } of Deno.readDir(`/proc/${one}/fd`)) {
      const link = await Deno.readLink(`/proc/${one}/fd/${name}`).catch(() => "");
      const inode = /^socket:\[(\d+)\]$/.exec(link)?.[1];
      if (inode !== undefined) own.add(inode);
    }
  }
  const lines = (await Deno.readTextFile("/proc/net/unix")).split("\n").slice(1)
    .map((line) => line.trim().split(/\s+/)).filter(([, , , , , , inode = ""]) => own.has(inode));
  assert.ok(lines.some(([, , , , , , , path]) => path === containerdAddress));
  return lines.flatMap(([, , , , , , , path]) => path?.startsWith("@") === true ? [path] : []);
}

async function pidsNaming(path: string): Promise<number[]> {
  const found = await processesNaming(path);
  return found.map((line) => Number(line.split(" ", 1)[0]));
}
