import assert from "node:assert/strict";
import { ID, runningContainer, SPEC as PROCESS } from "../../tests/fakes/running_container.ts";
import { HOST } from "../../tests/fixtures/oci/requests.ts";
import type { ContainerId } from "../base/id.ts";
import { CriError } from "../base/errors.ts";
import { KeyedLock } from "../base/keyed_lock.ts";
import { LinuxContainerResources } from "../gen/cri/v1/api.ts";
import { SPEC_TYPE } from "../state/labels.ts";
import type { ContainerState } from "../state/status.ts";
import { updateContainerResources, type UpdateDeps } from "./update.ts";

const RUNNING: ContainerState = { kind: "running", pid: 1, startedAtNs: 1n };
const EXITED: ContainerState = {
  kind: "exited",
  startedAtNs: 1n,
  finishedAtNs: 2n,
  exitCode: 0,
  reason: "Completed",
  message: "",
};

const SPEC = PROCESS.replace(/\}$/, ',"linux":{"resources":{}}}');

/** A container whose limits are changed, and what containerd was told of it. */
async function container(state: ContainerState = RUNNING) {
  const setup = await runningContainer(state);
  const { containerd, containers } = setup.deps;
  const spec = { typeUrl: SPEC_TYPE, value: new TextEncoder().encode(SPEC) };
  const record = await containerd.containers.get(ID);
  setup.world.containers.set(ID, { ...record, spec });
  const deps: UpdateDeps = {
    containerd,
    containers,
    containerLocks: new KeyedLock<ContainerId>(),
    host: HOST,
  };
  const told: { method: string; args: readonly unknown[] }[] = [];
  const fail: { at?: string; with?: CriError } = {};
  setup.world.before = (method, args) => {
    told.push({ method, args });
    if (fail.at === method && fail.with !== undefined) {
      const error = fail.with;
      delete fail.with;
      throw error;
    }
  };
  return {
    fail,
    told,
    methods: () => told.map(({ method }) => method),
    update: (partial: Parameters<typeof LinuxContainerResources.fromPartial>[0]) =>
      updateContainerResources(deps, {
        idOrPrefix: ID,
        resources: LinuxContainerResources.fromPartial(partial),
      }, new AbortController().signal),
    /** The spec in containerd's record. */
    spec: () => new TextDecoder().decode(setup.world.containers.get(ID)?.spec?.value),
    resources: () => containers.get(ID).metadata.config.linux?.resources,
    /** What the runtime was given. */
    given: () => {
      const [, resources] = told.find(({ method }) => method === "tasks.update")?.args ?? [];
      assert.ok(typeof resources === "object" && resources !== null && "value" in resources);
      assert.ok(resources.value instanceof Uint8Array);
      return JSON.parse(new TextDecoder().decode(resources.value));
    },
  };
}

Deno.test("updateContainerResources() writes the record before it tells the runtime", async () => {
  const it = await container();
  await it.update({ cpuShares: 512n, memoryLimitInBytes: 1_000_000n });
  assert.deepEqual(it.methods(), ["containers.get", "containers.update", "tasks.update"]);
  const { cpu, memory } = it.given();
  assert.equal(cpu.shares, 512);
  assert.equal(memory.limit, 1_000_000);
  const { linux, process } = JSON.parse(it.spec());
  assert.equal(linux.resources.cpu.shares, 512);
  assert.deepEqual(process.args, ["main"]);
  // A number that JavaScript has no integer for.
  assert.match(it.spec(), /18446744073709551615/);
  assert.equal(it.resources()?.cpuShares, 512n);
});

Deno.test("updateContainerResources() keeps what a later change doesn't name", async () => {
  const it = await container();
  await it.update({ cpuShares: 512n });
  await it.update({ cpusetCpus: "0" });
  const { cpuShares, cpusetCpus } = it.resources() ?? {};
  assert.deepEqual([cpuShares, cpusetCpus], [512n, "0"]);
  assert.equal(JSON.parse(it.spec()).linux.resources.cpu.shares, 512);
});

Deno.test("updateContainerResources() changes only the record of a container that isn't started", async () => {
  const it = await container({ kind: "created" });
  await it.update({ cpuShares: 512n });
  assert.deepEqual(it.methods(), ["containers.get", "containers.update"]);
  assert.equal(it.resources()?.cpuShares, 512n);
});

Deno.test("updateContainerResources() refuses a container that has ended, and touches nothing", async () => {
  const it = await container(EXITED);
  await assert.rejects(it.update({ cpuShares: 512n }), (error) => {
    assert.ok(error instanceof CriError);
    assert.equal(error.kind, "failedPrecondition");
    assert.match(error.text, /Cannot update .* container main .*: it is exited; only a created or/);
    return true;
  });
  assert.deepEqual(it.methods(), []);
});

Deno.test("updateContainerResources() gives the record its old limits back when the runtime refuses", async () => {
  const it = await container();
  it.fail.at = "tasks.update";
  it.fail.with = new CriError("internal", "no such cpu");
  await assert.rejects(it.update({ cpusetCpus: "4000" }), /Cannot update .*: no such cpu/);
  assert.deepEqual(it.methods(), [
    "containers.get",
    "containers.update",
    "tasks.update",
    "containers.update",
  ]);
  assert.equal(it.spec(), SPEC);
  assert.equal(it.resources(), undefined);
});

for (const at of ["containers.get", "containers.update"]) {
  Deno.test(`updateContainerResources() leaves all as it was when ${at} fails`, async () => {
    const it = await container();
    it.fail.at = at;
    it.fail.with = new CriError("unavailable", "no connection to containerd");
    await assert.rejects(it.update({ cpuShares: 512n }), /no connection/);
    assert.ok(!it.methods().includes("tasks.update"));
    assert.equal(it.spec(), SPEC);
    assert.equal(it.resources(), undefined);
  });
}

Deno.test("updateContainerResources() doesn't say notFound of a container that ended meanwhile", async () => {
  const it = await container();
  it.fail.at = "tasks.update";
  it.fail.with = new CriError("notFound", "no task");
  await assert.rejects(it.update({ cpuShares: 512n }), (error) => {
    assert.ok(error instanceof CriError);
    assert.equal(error.kind, "failedPrecondition");
    assert.match(error.message, /it ended meanwhile/);
    return true;
  });
});
