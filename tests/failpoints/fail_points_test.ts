/**
 * Every stage of every request fails once, and the daemon dies once at its end, on a real containerd:
 * afterwards a daemon that starts anew, and the calls by which a kubelet cleans up, leave nothing.
 */
import assert from "node:assert/strict";
import { ContainerState, PodSandboxState } from "../../src/gen/cri/v1/api.ts";
import { startContainerd } from "../world/containerd.ts";
import { CriClient } from "../world/cri_client.ts";
import { type Daemon, startDaemon } from "../world/daemon.ts";
import { eventually } from "../world/delay.ts";
import { assertNothingLeft } from "../world/leftovers.ts";
import { busyboxRegistry } from "../world/requests.ts";

const stack = new AsyncDisposableStack();
const containerdDir = await Deno.makeTempDir({ prefix: "cri-points-" });
stack.defer(() => Deno.remove(containerdDir, { recursive: true }));
const containerd = stack.adopt(await startContainerd(containerdDir), (it) => it.cleanUp());
const daemon = stack.use(await startDaemon({ containerd: containerd.address }));
const busybox = stack.use(await busyboxRegistry());
Deno.test.afterAll(() => stack.disposeAsync());

const POD = {
  metadata: { name: "web", namespace: "default", uid: "uid-web", attempt: 0 },
  logDirectory: `${daemon.logDir}/web`,
  linux: { cgroupParent: daemon.cgroupParent },
};
const CONTAINER = {
  metadata: { name: "main", attempt: 0 },
  image: { image: busybox.image },
  command: ["sleep", "1000"],
  logPath: "main.log",
  mounts: [{ containerPath: "/image", image: { image: busybox.image }, readonly: true }],
  linux: {},
};

/** A kubelet's calls for one pod, from the image to its end. */
async function lifeOfPod(cri: CriClient): Promise<void> {
  await cri.call("pullImage", { image: { image: busybox.image } });
  const { podSandboxId } = await cri.call("runPodSandbox", { config: POD });
  const request = { podSandboxId, config: CONTAINER, sandboxConfig: POD };
  const { containerId } = await cri.call("createContainer", request);
  await cri.call("startContainer", { containerId });
  await cri.call("stopContainer", { containerId, timeout: 0n });
  await cri.call("removeContainer", { containerId });
  await cri.call("stopPodSandbox", { podSandboxId });
  await cri.call("removePodSandbox", { podSandboxId });
  await cri.call("removeImage", { image: { image: busybox.image } });
}

/** What a kubelet does with what it finds and doesn't want. */
async function cleanUp(cri: CriClient): Promise<void> {
  const { containers } = await cri.call("listContainers", {});
  for (const { id: containerId, state } of containers) {
    if (state === ContainerState.CONTAINER_RUNNING) {
      await cri.call("stopContainer", { containerId, timeout: 0n });
    }
    await cri.call("removeContainer", { containerId });
  }
  for (const { id: podSandboxId, state } of (await cri.call("listPodSandbox", {})).items) {
    if (state === PodSandboxState.SANDBOX_READY) await cri.call("stopPodSandbox", { podSandboxId });
    await cri.call("removePodSandbox", { podSandboxId });
  }
  await cri.call("removeImage", { image: { image: busybox.image } });
}

/** All stages of the life of a pod, as the daemon logs them. */
async function stagesOf({ listen }: Daemon): Promise<string[]> {
  using cri = new CriClient(listen);
  await lifeOfPod(cri);
  const told = /^\S+ DEBUG (.+?) took [\d.]+ ms to (?:pull|run|create|start|stop|remove) /gm;
  const stages = new Set([...(await daemon.log()).matchAll(told)].map(([, stage = ""]) => stage));
  // Its calls are logged alike.
  stages.delete("containerd");
  return [...stages];
}

const stages = await stagesOf(daemon);

Deno.test("the stages are known by what the daemon logs", () => {
  for (
    const stage of ["attach the network", "create the task", "detach the network", "record it"]
  ) {
    assert.ok(stages.includes(stage), stages.join(", "));
  }
});

for (const stage of stages) {
  Deno.test(`nothing is left when "${stage}" fails, or the daemon dies after it`, async () => {
    await failAt(`error after ${stage}`);
    await dieAt(`hang after ${stage}`);
  });
}

async function failAt(point: string): Promise<void> {
  await daemon.stop();
  await daemon.start("--fail-point", point);
  {
    using cri = new CriClient(daemon.listen);
    await assert.rejects(lifeOfPod(cri), /Fail point after/);
  }
  await assertCleaned();
}

async function dieAt(point: string): Promise<void> {
  await daemon.stop();
  await daemon.start("--fail-point", point);
  const before = (await daemon.log()).length;
  using cri = new CriClient(daemon.listen);
  const life = lifeOfPod(cri);
  life.catch(() => {});
  await eventually(
    "the fail point",
    async () => (await daemon.log()).slice(before).includes("At the fail point"),
    20_000,
  );
  await daemon.stop("SIGKILL");
  await assert.rejects(life);
  await assertCleaned();
}

/** After a start without a fail point. */
async function assertCleaned(): Promise<void> {
  await daemon.stop("SIGKILL");
  await daemon.start();
  using cri = new CriClient(daemon.listen);
  await cleanUp(cri);
  await assertNothingLeft(daemon);
}
