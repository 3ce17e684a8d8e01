/** A running container on a fake containerd, for what is run beside its process. */
import { FakeSessions } from "./sessions.ts";
import { fakeContainerd } from "./containerd.ts";
import type { ContainerId, SandboxId } from "../../src/base/id.ts";
import { KeyedLock } from "../../src/base/keyed_lock.ts";
import { ContainerConfig } from "../../src/gen/cri/v1/api.ts";
import { type Container, ContainerStore } from "../../src/state/containers.ts";
import { SPEC_TYPE } from "../../src/state/labels.ts";
import type { ContainerState } from "../../src/state/status.ts";

export const ID = "c1" as ContainerId;
export const SPEC = '{"process":{"args":["main"],"env":["A=b"],"user":{"uid":7},' +
  '"rlimits":[{"soft":18446744073709551615}]}}';

const CONTAINER: Container = {
  id: ID,
  metadata: {
    id: ID,
    name: "main",
    sandboxId: "p1" as SandboxId,
    config: ContainerConfig.fromPartial({ metadata: { name: "main" } }),
    imageRef: "",
    logPath: "",
    stopSignal: "",
    processLabel: "",
  },
  createdAtNs: 0n,
  state: { kind: "running", pid: 1, startedAtNs: 1n },
  snapshotter: "overlayfs",
  snapshotKey: ID,
  user: undefined,
};

export type RunningContainer = Awaited<ReturnType<typeof runningContainer>>;

/** Its programs end with 3 as soon as they are started, unless `ends.itself` is false. */
export async function runningContainer(state: ContainerState = CONTAINER.state) {
  const { containerd, world } = fakeContainerd();
  await containerd.containers.create({
    id: ID,
    labels: new Map(),
    image: "",
    runtime: { name: "runc", options: undefined },
    spec: { typeUrl: SPEC_TYPE, value: new TextEncoder().encode(SPEC) },
    snapshotter: "overlayfs",
    snapshotKey: ID,
    extensions: new Map(),
  });
  const stdio = { stdin: "", stdout: "", stderr: "", terminal: false };
  await containerd.tasks.create({ id: ID, rootfs: [], ...stdio });
  await containerd.tasks.start(ID);
  const containers = new ContainerStore();
  // Metadata of its own: what is known of a container is kept by it.
  containers.add({ ...CONTAINER, metadata: { ...CONTAINER.metadata }, state });
  const streams = new FakeSessions();
  const ends = { itself: true };
  world.after = (method, args) => {
    if (method === "tasks.startExec" && ends.itself) world.exit(ID, 3, String(args[1]));
  };
  const stop = new AbortController();
  const lost = new AbortController();
  return {
    deps: {
      containerd,
      containers,
      streams,
      execStarts: new KeyedLock<SandboxId>(),
      maxExecOutputBytes: 1000,
      streamsLost: () => lost.signal,
      settings: { stateDir: "/no/such/state" },
      stopping: stop.signal,
    },
    world,
    streams,
    ends,
    stop,
    lost,
    /** Ids of the execs that containerd knows. */
    execs: () => [...world.tasks.get(ID)?.execs.keys() ?? []],
  };
}

/** The turns that what isn't waited for takes on fakes. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 100; turns++) await Promise.resolve();
}
