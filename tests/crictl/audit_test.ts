/** `cri-containerd audit` on a node whose pods have lost their records, and on one that is well. */
import assert from "node:assert/strict";
import { connectContainerd } from "../../src/containerd/client.ts";
import { newId } from "../../src/base/id.ts";
import { ROOT } from "../check/source.ts";
import { crictlOf } from "../world/crictl.ts";
import { type Daemon, startDaemon } from "../world/daemon.ts";
import { assertNothingLeft, leftovers } from "../world/leftovers.ts";
import { busyboxRegistry, containerConfig, podConfig, Pods } from "../world/requests.ts";
import { sh } from "../world/sh.ts";

interface Found {
  readonly kind: string;
  readonly name: string;
  readonly state: string;
}

async function audit(
  daemon: Daemon,
  ...flags: string[]
): Promise<{ code: number; found: Found[] }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P", `${ROOT}main.ts`, "audit", "--json", "--config", daemon.configFile]
      .concat(flags),
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  assert.equal(decoder.decode(stderr), "");
  return { code, found: JSON.parse(decoder.decode(stdout)) };
}

function containerdOf(daemon: Daemon) {
  return connectContainerd({ address: daemon.containerdAddress, namespace: "k8s.io" });
}

/** What nobody but its record tells of: a view of an image, an address, a cgroup, a folder. */
async function strew(daemon: Daemon, imageId: string): Promise<void> {
  const id = newId();
  const containerd = containerdOf(daemon);
  try {
    const kept = new Map([["containerd.io/gc.root", new Date().toISOString()]]);
    await containerd.snapshots("overlayfs").view(`${newId()}-image-0`, imageId, kept);
    // A container whose pod's record is gone.
    await containerd.containers.create({
      id,
      labels: new Map([["io.cri-containerd.kind", "container"]]),
      image: "",
      runtime: { name: "io.containerd.runc.v2", options: undefined },
      spec: { typeUrl: "x", value: new TextEncoder().encode("{}") },
      snapshotter: "overlayfs",
      snapshotKey: "",
      extensions: new Map([["io.cri-containerd.container.metadata", {
        typeUrl: "x",
        value: new TextEncoder().encode(
          `{"Version":"v1","Metadata":{"ID":"${id}","Name":"n","SandboxID":"${newId()}"}}`,
        ),
      }]]),
    });
  } finally {
    containerd.close();
  }
  await Deno.mkdir(`${daemon.dir}/root/containers/${newId()}`);
  await Deno.mkdir(`${daemon.dir}/state/io/${newId()}`, { recursive: true });
  await Deno.mkdir(`/sys/fs/cgroup/memory${daemon.cgroupParent}/${newId()}`);
  const { network } = daemon;
  await Deno.writeTextFile(
    `${daemon.dir}/leases/${network.name}/${network.subnet}.200`,
    `${newId()}\r\neth0`,
  );
}

/** The rules that the plugins bridge and portmap make for a pod. */
async function strewRules({ network }: Daemon): Promise<string> {
  const id = newId();
  const chain = `CNI-${id.slice(0, 24)}`;
  const comment = ["-m", "comment", "--comment", `name: "${network.name}" id: "${id}"`];
  const nat = (...args: string[]) => sh("iptables", "-w", "10", "-t", "nat", ...args);
  await nat("-N", chain);
  await nat("-A", chain, "-d", "192.0.2.0/24", ...comment, "-j", "ACCEPT");
  await nat("-A", "POSTROUTING", "-s", "192.0.2.1/32", ...comment, "-j", chain);
  return id;
}

async function deleteRecords(daemon: Daemon, ids: readonly string[]): Promise<void> {
  const containerd = containerdOf(daemon);
  try {
    for (const id of ids) await containerd.containers.delete(id);
  } finally {
    containerd.close();
  }
}

async function topLayer(daemon: Daemon): Promise<string> {
  const containerd = containerdOf(daemon);
  try {
    for await (const { name, kind } of containerd.snapshots("overlayfs").list([])) {
      if (kind === "committed") return name;
    }
    throw new Error("no image is unpacked");
  } finally {
    containerd.close();
  }
}

Deno.test("audit lists all that a pod without records leaves, and --fix removes it and nothing else", async () => {
  await using daemon = await startDaemon();
  const crictl = crictlOf(daemon);
  await using busybox = await busyboxRegistry();
  await crictl("pull", busybox.image);
  const pods = new Pods(crictl, daemon);
  const start = async (name: string) => {
    const pod = await pods.run(name);
    const request = {
      pod: podConfig(daemon, name),
      container: containerConfig(name, busybox.image),
    };
    const container = await pods.create(pod, request);
    await crictl("start", container);
    return [pod, container];
  };
  const kept = await start("kept");
  const lost = await start("lost");
  // What other daemons of this machine left in the usual place of pods' cgroups goes first.
  await audit(daemon, "--fix");
  assert.deepEqual(await audit(daemon), { code: 0, found: [] });

  await daemon.stop("SIGKILL");
  await deleteRecords(daemon, lost);
  await strew(daemon, await topLayer(daemon));
  const ruled = await strewRules(daemon);
  const before = await audit(daemon);
  assert.equal(before.code, 1);
  const kinds = new Set(before.found.map(({ kind }) => kind));
  for (const kind of ["record", "task", "snapshot", "shim", "folder", "cgroup", "address"]) {
    assert.ok(kinds.has(kind), `${kind} in ${[...kinds]}`);
  }
  const rules = before.found.filter(({ kind }) => kind === "iptables rule");
  assert.deepEqual(rules.map(({ name }) => name), [ruled]);
  const all = JSON.stringify(before.found);
  for (const id of lost) assert.ok(all.includes(id));
  for (const id of kept) assert.ok(!all.includes(id));

  const fixed = await audit(daemon, "--fix");
  assert.equal(fixed.code, 0, JSON.stringify(fixed.found, undefined, 2));
  const fixedKinds = new Set(fixed.found.map(({ kind }) => kind));
  // They show once nothing runs in them any more.
  for (const kind of [...kinds, "netns"]) assert.ok(fixedKinds.has(kind), kind);
  assert.deepEqual(await audit(daemon), { code: 0, found: [] });
  const left = (await leftovers(daemon)).join("\n");
  for (const id of lost) assert.ok(!left.includes(id), left);
  assert.ok(!(await sh("iptables-save", "-t", "nat")).includes(ruled.slice(0, 24)));

  await daemon.start();
  assert.match(await crictl("ps", "--quiet"), new RegExp(kept[1] ?? "none"));
  await pods.removeAll();
  await assertNothingLeft(daemon);
});
