/** Statistics of a running daemon beside what the kernel's own files say. */
import assert from "node:assert/strict";
import type { ContainerStats } from "../../src/gen/cri/v1/api.ts";
import { CriClient } from "../world/cri_client.ts";
import { eventually } from "../world/delay.ts";
import { containerConfig, podConfig } from "../world/requests.ts";
import { sharedNode } from "../world/shared_node.ts";

const { daemon, crictl, pods, image } = await sharedNode();
const client = new CriClient(daemon.listen);
await crictl("pull", image);

Deno.test.afterAll(() => client[Symbol.dispose]());

const LIMIT = 64 * 1024 * 1024;

async function startPod(name: string, more: { pod?: object; container?: object } = {}) {
  const pod = await pods.run(name, more.pod);
  const container = await pods.create(pod, {
    pod: podConfig(daemon, name, more.pod),
    container: containerConfig("main", image, {
      linux: { resources: { memory_limit_in_bytes: LIMIT } },
      labels: { app: name },
      ...more.container,
    }),
  });
  await crictl("start", container);
  return { pod, container };
}

/** The folder of a container's cgroup, by controller; version 2 has one for all. */
async function cgroupFolder(pid: number, controller: string): Promise<string> {
  const lines = (await Deno.readTextFile(`/proc/${pid}/cgroup`)).trim().split("\n");
  for (const line of lines) {
    const [, names = "", path = ""] = line.split(":");
    if (names.split(",").includes(controller)) return `/sys/fs/cgroup/${controller}${path}`;
  }
  return `/sys/fs/cgroup${lines[0]?.split(":").at(-1)}`;
}

async function numberIn(folder: string, ...names: string[]): Promise<bigint> {
  for (const name of names) {
    const text = await Deno.readTextFile(`${folder}/${name}`).catch(() => undefined);
    if (text !== undefined) return BigInt(text.trim());
  }
  throw new Error(`none of ${names.join(", ")} in ${folder}`);
}

async function pidOf(container: string): Promise<number> {
  return (await crictl.json("inspect", container)).info.pid;
}

async function statsOf(container: string): Promise<ContainerStats> {
  const { stats } = await client.call("containerStats", { containerId: container });
  assert.ok(stats !== undefined);
  return stats;
}

Deno.test("ContainerStats says what the kernel's files say", async () => {
  const command = ["sh", "-c", "head -c 8000000 /dev/zero > /file; exec sleep 1000"];
  const { container } = await startPod("told", { container: { command } });
  const pid = await pidOf(container);
  const memory = await cgroupFolder(pid, "memory");
  // Nothing runs any more that uses memory or time: both sides read the same.
  await eventually(
    "an idle container",
    async () => (await Deno.readTextFile(`/proc/${pid}/cmdline`)).startsWith("sleep"),
  );
  const stats = await eventually("a measured layer", async () => {
    const stats = await statsOf(container);
    return stats.writableLayer !== undefined && stats;
  }, 30_000);
  assert.deepEqual(stats.attributes?.labels, new Map([["app", "told"]]));
  const usageBytes = await numberIn(memory, "memory.usage_in_bytes", "memory.current");
  assert.equal(stats.memory?.usageBytes?.value, usageBytes);
  const { workingSetBytes, availableBytes } = stats.memory ?? {};
  assert.equal((workingSetBytes?.value ?? 0n) + (availableBytes?.value ?? 0n), BigInt(LIMIT));
  const cpu = await numberIn(await cgroupFolder(pid, "cpuacct"), "cpuacct.usage");
  assert.equal(stats.cpu?.usageCoreNanoSeconds?.value, cpu);
  assert.ok((stats.cpu?.usageNanoCores?.value ?? -1n) >= 0n);
  assert.ok((stats.writableLayer?.usedBytes?.value ?? 0n) >= 8_000_000n);
  await Deno.stat(stats.writableLayer?.fsId?.mountpoint ?? "");
});

Deno.test("a busy container uses as many nano cores as its CPU time tells", async () => {
  const command = ["sh", "-c", "while :; do :; done"];
  const { container } = await startPod("busy", { container: { command } });
  const first = await statsOf(container);
  const second = await eventually("another window", async () => {
    const stats = await statsOf(container);
    return stats.cpu?.usageNanoCores?.value !== first.cpu?.usageNanoCores?.value && stats;
  });
  const used = (second.cpu?.usageCoreNanoSeconds?.value ?? 0n) -
    (first.cpu?.usageCoreNanoSeconds?.value ?? 0n);
  assert.ok(used > 0n);
  const nanoCores = Number(second.cpu?.usageNanoCores?.value);
  assert.ok(nanoCores > 10_000_000 && nanoCores < 1_500_000_000, String(nanoCores));
});

Deno.test("ListContainerStats filters by id, pod and labels", async () => {
  const one = await startPod("one");
  const two = await startPod("two");
  const ids = async (filter: object) => {
    const { stats } = await client.call("listContainerStats", {
      filter: { id: "", podSandboxId: "", labelSelector: new Map(), ...filter },
    });
    return stats.map(({ attributes }) => attributes?.id);
  };
  assert.deepEqual(await ids({}), [one.container, two.container]);
  assert.deepEqual(await ids({ id: one.container }), [one.container]);
  assert.deepEqual(await ids({ podSandboxId: two.pod }), [two.container]);
  assert.deepEqual(await ids({ labelSelector: new Map([["app", "two"]]) }), [two.container]);
  assert.deepEqual(await ids({ labelSelector: new Map([["app", "three"]]) }), []);
});

Deno.test("PodSandboxStats has the pod's cgroup, its network, processes and containers", async () => {
  const { pod, container } = await startPod("podstats", {
    container: { command: ["sh", "-c", "wget -qO- http://10.0.0.1:1; sleep 1000"] },
  });
  const { info } = await crictl.json("inspectp", pod);
  const { stats } = await client.call("podSandboxStats", { podSandboxId: pod });
  const linux = stats?.linux;
  assert.equal(stats?.attributes?.metadata?.uid, "uid-podstats");
  assert.deepEqual(linux?.containers.map(({ attributes }) => attributes?.id), [container]);
  const pids = (await cgroupFolder(info.pid, "pids")).replace(/\/[^/]+$/, "");
  assert.ok(pids.endsWith(daemon.cgroupParent));
  assert.equal(linux?.process?.processCount?.value, await numberIn(pids, "pids.current"));
  const memory = linux?.memory?.workingSetBytes?.value ?? 0n;
  assert.ok(memory > (linux?.containers[0]?.memory?.workingSetBytes?.value ?? 0n));
  const line = (await Deno.readTextFile(`/proc/${info.pid}/net/dev`)).match(/eth0: *(\d+)/);
  assert.equal(linux?.network?.defaultInterface?.name, "eth0");
  assert.ok((linux?.network?.defaultInterface?.rxBytes?.value ?? -1n) <= BigInt(line?.[1] ?? 0));
  assert.deepEqual(linux?.network?.interfaces, []);
  const list = await client.call("listPodSandboxStats", {});
  assert.deepEqual(list.stats.map(({ attributes }) => attributes?.id), [pod]);
});

Deno.test("a pod on the host's network has no network of its own to tell of", async () => {
  const security = { namespace_options: { network: 2, pid: 1, ipc: 0 } };
  const { pod } = await startPod("hostnet", {
    pod: {
      hostname: "",
      linux: { cgroup_parent: daemon.cgroupParent, security_context: security },
    },
    container: { linux: { security_context: security } },
  });
  const { stats } = await client.call("podSandboxStats", { podSandboxId: pod });
  assert.equal(stats?.linux?.network, undefined);
  assert.ok((stats?.linux?.cpu?.usageCoreNanoSeconds?.value ?? 0n) > 0n);
});

Deno.test("a pod without a cgroup of its own is told as the sum of its containers", async () => {
  const { pod } = await startPod("nocgroup", { pod: { linux: {} } });
  const { stats } = await client.call("podSandboxStats", { podSandboxId: pod });
  const [container] = stats?.linux?.containers ?? [];
  assert.equal(
    stats?.linux?.memory?.workingSetBytes?.value,
    container?.memory?.workingSetBytes?.value,
  );
});

Deno.test("statistics don't wait for a shim that hangs", async () => {
  const { pod, container } = await startPod("hangs");
  const { info } = await crictl.json("inspectp", pod);
  const status = await Deno.readTextFile(`/proc/${info.pid}/status`);
  const shim = Number(status.match(/^PPid:\s+(\d+)$/m)?.[1]);
  Deno.kill(shim, "SIGSTOP");
  try {
    const lists = await Promise.all([
      client.call("listContainerStats", {}),
      client.call("listPodSandboxStats", {}),
      client.call("podSandboxStats", { podSandboxId: pod }),
    ]);
    assert.equal(lists[0].stats[0]?.attributes?.id, container);
    assert.ok((lists[0].stats[0]?.memory?.usageBytes?.value ?? 0n) > 0n);
  } finally {
    Deno.kill(shim, "SIGCONT");
  }
});

Deno.test("what is gone or ended has no figures, and an unknown id is not found", async () => {
  const { pod, container } = await startPod("ended", {
    container: { command: ["sh", "-c", "exit 0"] },
  });
  await eventually("the end", async () => {
    const { status } = await crictl.json("inspect", container);
    return status.state === "CONTAINER_EXITED";
  });
  const stats = await statsOf(container);
  assert.deepEqual([stats.attributes?.id, stats.cpu, stats.memory], [
    container,
    undefined,
    undefined,
  ]);
  await crictl("stopp", pod);
  assert.deepEqual((await client.call("listPodSandboxStats", {})).stats, []);
  for (
    const [method, request] of [
      ["containerStats", { containerId: "nobody" }],
      ["podSandboxStats", { podSandboxId: "nobody" }],
    ] as const
  ) {
    await assert.rejects(client.call(method, request), { code: 5 });
  }
  // The kubelet asks so to find out whether statistics are served at all.
  await assert.rejects(client.call("podSandboxStats", { podSandboxId: "" }), { code: 3 });
});

Deno.test("the metrics of pods and containers are those that were described, and true", async () => {
  const command = ["sh", "-c", "exec 7</dev/null 8</dev/null; exec sleep 1000"];
  const resources = { memory_limit_in_bytes: LIMIT, cpu_quota: 50_000, cpu_period: 100_000 };
  const { pod, container } = await startPod("metrics", {
    container: { command, linux: { resources } },
  });
  const pid = await pidOf(container);
  await eventually(
    "the shell to be replaced",
    async () => (await Deno.readTextFile(`/proc/${pid}/cmdline`)).startsWith("sleep"),
  );
  const { descriptors } = await client.call("listMetricDescriptors", {});
  const labelsOf = new Map(descriptors.map(({ name, labelKeys }) => [name, labelKeys]));
  const { podMetrics } = await client.call("listPodSandboxMetrics", {});
  assert.deepEqual(podMetrics.map(({ podSandboxId }) => podSandboxId), [pod]);
  const [first] = podMetrics[0]?.containerMetrics ?? [];
  assert.equal(first?.containerId, container);
  for (const { name, labelValues } of [...(podMetrics[0]?.metrics ?? []), ...first.metrics]) {
    assert.equal(labelsOf.get(name)?.length, labelValues.length, name);
  }
  const values = new Map(first.metrics.map(({ name, value }) => [name, value?.value]));
  assert.equal(values.get("container_spec_memory_limit_bytes"), BigInt(LIMIT));
  assert.equal(values.get("container_spec_cpu_quota"), 50_000n);
  assert.equal(values.get("container_processes"), 1n);
  const files = await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`));
  assert.equal(values.get("container_file_descriptors"), BigInt(files.length));
  const network = podMetrics[0]?.metrics.filter(({ name }) => name.startsWith("container_network"));
  assert.deepEqual([...new Set(network?.map((one) => one.labelValues.at(-1)))], ["eth0"]);
});

Deno.test("processes in a cgroup below the container's own count, as those of an init in it", async () => {
  const { pod, container } = await startPod("nested", {
    container: { command: ["sleep", "1000"] },
  });
  const pid = await pidOf(container);
  const below = `${await cgroupFolder(pid, "pids")}/init.scope`;
  await Deno.mkdir(below);
  await Deno.writeTextFile(`${below}/cgroup.procs`, `${pid}`);
  const { podMetrics } = await client.call("listPodSandboxMetrics", {});
  const own = podMetrics.find(({ podSandboxId }) => podSandboxId === pod)?.containerMetrics ?? [];
  const values = new Map(own[0]?.metrics.map(({ name, value }) => [name, value?.value]));
  assert.equal(values.get("container_processes"), 1n);
  const files = await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`));
  assert.equal(values.get("container_file_descriptors"), BigInt(files.length));
});

Deno.test("crictl stats and statsp print them", async () => {
  const { pod, container } = await startPod("printed");
  assert.match(await crictl("stats", container), /main/);
  assert.match(await crictl("statsp", pod), /printed/);
});
