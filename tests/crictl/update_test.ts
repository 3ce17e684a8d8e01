/** Limits of containers and pods, changed while they run, are created or have ended. */
import assert from "node:assert/strict";
import { LinuxContainerResources } from "../../src/gen/cri/v1/api.ts";
import { CriClient, refusal } from "../world/cri_client.ts";
import { type Limit, limitOf } from "../world/limits.ts";
import { containerConfig, podConfig } from "../world/requests.ts";
import { sharedNode } from "../world/shared_node.ts";

const { daemon, crictl, pods, image } = await sharedNode();
const cri = new CriClient(daemon.listen);
await crictl("pull", image);

Deno.test.afterAll(() => cri[Symbol.dispose]());

const MIB = 1024n * 1024n;
const LIMITS = {
  memory_limit_in_bytes: 67_108_864,
  cpu_period: 100_000,
  cpu_quota: 50_000,
  cpu_shares: 512,
  cpuset_cpus: "0-1",
};

/** A container with limits, created and not started. */
async function create(name: string): Promise<string> {
  const request = {
    pod: podConfig(daemon, name),
    container: containerConfig("main", image, { linux: { resources: LIMITS } }),
  };
  return await pods.create(await pods.run(name), request);
}

async function limitsOf(container: string, ...names: Limit[]): Promise<(string | undefined)[]> {
  const { info } = await crictl.json("inspect", container);
  return await Promise.all(names.map((name) => limitOf(info.pid, name)));
}

async function update(container: string, partial: Partial<LinuxContainerResources>) {
  const linux = LinuxContainerResources.fromPartial(partial);
  await cri.call("updateContainerResources", { containerId: container, linux });
}

const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const FAILED_PRECONDITION = 9;

Deno.test("one limit alone is changed in a running container, and all others stay", async () => {
  const container = await create("alone");
  await crictl("start", container);
  const names = ["memory", "cpuShares", "cpuQuota", "cpus"] as const;
  const before = await limitsOf(container, ...names);
  await update(container, { cpusetCpus: "1" });
  assert.deepEqual(await limitsOf(container, ...names), [...before.slice(0, 3), "1"]);
  await update(container, { memoryLimitInBytes: 128n * MIB });
  const [memory, ...others] = await limitsOf(container, ...names);
  assert.equal(memory, String(128n * MIB));
  assert.deepEqual(others, [...before.slice(1, 3), "1"]);
});

Deno.test("crictl update changes limits, and inspect tells them", async () => {
  const container = await create("told");
  await crictl("start", container);
  await crictl("update", "--cpu-share", "256", "--cpu-quota", "20000", container);
  const { status, info } = await crictl.json("inspect", container);
  assert.deepEqual(
    [status.resources.linux.cpuShares, status.resources.linux.cpuQuota],
    ["256", "20000"],
  );
  assert.equal(status.resources.linux.memoryLimitInBytes, String(LIMITS.memory_limit_in_bytes));
  assert.equal(info.runtimeSpec.linux.resources.cpu.shares, 256);
  assert.equal(info.runtimeSpec.linux.resources.cpu.cpus, "0-1");
  const [quota = ""] = await limitsOf(container, "cpuQuota");
  assert.match(quota, /^20000\b/);
});

Deno.test("a created container starts with the limits that it was given meanwhile", async () => {
  const container = await create("created");
  await update(container, { memoryLimitInBytes: 96n * MIB });
  await crictl("start", container);
  assert.deepEqual(await limitsOf(container, "memory"), [String(96n * MIB)]);
});

Deno.test("changed limits outlive the daemon", async () => {
  const container = await create("outlives");
  await crictl("start", container);
  await update(container, { cpuShares: 128n });
  await daemon.stop("SIGKILL");
  await daemon.start();
  const { status } = await crictl.json("inspect", container);
  assert.equal(status.resources.linux.cpuShares, "128");
  assert.equal(status.resources.linux.cpuQuota, String(LIMITS.cpu_quota));
});

Deno.test("limits that the runtime refuses leave record and container as they were", async () => {
  const container = await create("refused");
  await crictl("start", container);
  const before = await crictl.json("inspect", container);
  const { details } = await refusal(update(container, { cpusetCpus: "4000" }));
  assert.match(details, /Cannot update the resources of container main/);
  const after = await crictl.json("inspect", container);
  assert.deepEqual(after.status.resources, before.status.resources);
  assert.deepEqual(after.info.runtimeSpec, before.info.runtimeSpec);
  assert.deepEqual(await limitsOf(container, "cpus"), ["0-1"]);
});

Deno.test("an ended container has no limits to change, and the message says so", async () => {
  const container = await create("ended");
  await crictl("start", container);
  await crictl("stop", "--timeout", "0", container);
  const { code, details } = await refusal(update(container, { cpuShares: 2n }));
  assert.equal(code, FAILED_PRECONDITION);
  assert.match(details, /it is exited/);
});

Deno.test("limits that can't be are refused by their names", async () => {
  const container = await create("cannot");
  const cases: [field: string, partial: Partial<LinuxContainerResources>][] = [
    ["linux.cpu_shares", { cpuShares: -1n }],
    ["linux.cpuset_cpus", { cpusetCpus: "a" }],
    ["linux.memory_limit_in_bytes", { memoryLimitInBytes: -7n }],
    ["linux.memory_swap_limit_in_bytes", { memorySwapLimitInBytes: MIB }],
  ];
  for (const [field, partial] of cases) {
    const { code, details } = await refusal(update(container, partial));
    assert.equal(code, INVALID_ARGUMENT);
    assert.ok(details.startsWith(`${field}:`), details);
  }
  assert.equal((await refusal(update("nobody", { cpuShares: 2n }))).code, NOT_FOUND);
});

Deno.test("a pod's resources are recorded, and fields left out stay", async () => {
  const pod = await pods.run("resized", {
    linux: {
      cgroup_parent: daemon.cgroupParent,
      resources: { cpu_shares: 512, memory_limit_in_bytes: 1_000_000 },
    },
  });
  const change = { cpuShares: 1024n };
  await cri.call("updatePodSandboxResources", {
    podSandboxId: pod,
    resources: LinuxContainerResources.fromPartial(change),
    overhead: LinuxContainerResources.fromPartial({ memoryLimitInBytes: 5n * MIB }),
  });
  await daemon.stop("SIGKILL");
  await daemon.start();
  const { linux } = (await crictl.json("inspectp", pod)).info.config;
  assert.deepEqual(linux.resources, { cpu_shares: 1024, memory_limit_in_bytes: 1_000_000 });
  assert.deepEqual(linux.overhead, { memory_limit_in_bytes: Number(5n * MIB) });
  assert.equal(linux.cgroup_parent, daemon.cgroupParent);
});
