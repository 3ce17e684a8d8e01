/** What a kubelet demands of the CRI, call by call as it makes them. */
import assert from "node:assert/strict";
import {
  CgroupDriver,
  ContainerState,
  NamespaceMode,
  PodSandboxState,
} from "../../src/gen/cri/v1/api.ts";
import { CriClient, refusal } from "../world/cri_client.ts";
import { startDaemon } from "../world/daemon.ts";
import { eventually } from "../world/delay.ts";
import { EventStream } from "../world/event_stream.ts";
import { assertNothingLeft } from "../world/leftovers.ts";
import { processesNaming } from "../world/processes.ts";
import { busyboxRegistry } from "../world/requests.ts";

const daemon = await startDaemon();
const busybox = await busyboxRegistry();
const cri = new CriClient(daemon.listen);
/** Open for as long as the daemon lives, as a kubelet's is. */
const events = await EventStream.open(daemon.listen);
const { imageRef } = await cri.call("pullImage", { image: { image: busybox.image } });

const DEADLINE_EXCEEDED = 4;
const NOT_FOUND = 5;

Deno.test.afterEach(async () => {
  for (const { id } of (await cri.call("listPodSandbox", {})).items) {
    await cri.call("removePodSandbox", { podSandboxId: id });
  }
  await assertNothingLeft(daemon);
});
Deno.test.afterAll(async () => {
  cri[Symbol.dispose]();
  await busybox[Symbol.asyncDispose]();
  // Killed: a daemon that says goodbye to an open stream may be ended by an assertion in Deno.
  await daemon.stop("SIGKILL");
  events[Symbol.dispose]();
  await daemon[Symbol.asyncDispose]();
});

/** A pod's config as a kubelet fills it in. */
function podConfig(name: string, attempt = 0) {
  return {
    metadata: { name, namespace: "default", uid: `uid-${name}`, attempt },
    hostname: name,
    logDirectory: `${daemon.logDir}/default_${name}_uid-${name}`,
    labels: new Map([["io.kubernetes.pod.name", name], ["io.kubernetes.pod.uid", `uid-${name}`]]),
    annotations: new Map([["kubernetes.io/config.source", "file"]]),
    linux: { cgroupParent: daemon.cgroupParent, securityContext: { namespaceOptions: { pid: 1 } } },
  };
}

/** A container's: by the image's id, with what the kubelet keeps in annotations. */
function containerConfig(name: string, command: string[]) {
  return {
    metadata: { name, attempt: 2 },
    image: { image: imageRef, userSpecifiedImage: busybox.image },
    command,
    logPath: `${name}/2.log`,
    labels: new Map([["io.kubernetes.container.name", name]]),
    annotations: new Map([
      ["io.kubernetes.container.restartCount", "2"],
      ["io.kubernetes.container.terminationMessagePath", "/dev/termination-log"],
      ["io.kubernetes.container.terminationMessagePolicy", "File"],
    ]),
    mounts: [{
      containerPath: "/dev/termination-log",
      hostPath: `${daemon.dir}/termination-${name}`,
    }],
    linux: { resources: { cpuShares: 2n, oomScoreAdj: 1000n } },
  };
}

async function runPod(name: string, attempt = 0) {
  const config = podConfig(name, attempt);
  await Deno.mkdir(`${config.logDirectory}/main`, { recursive: true });
  const { podSandboxId } = await cri.call("runPodSandbox", { config });
  return { podSandboxId, sandboxConfig: config };
}

async function create(name: string, command: string[]) {
  await Deno.writeTextFile(`${daemon.dir}/termination-main`, "");
  const pod = await runPod(name);
  const config = containerConfig("main", command);
  const { containerId } = await cri.call("createContainer", { ...pod, config });
  return { ...pod, containerId };
}

async function start(name: string, command: string[]) {
  const made = await create(name, command);
  await cri.call("startContainer", { containerId: made.containerId });
  return made;
}

async function statusOf(containerId: string) {
  const { status } = await cri.call("containerStatus", { containerId });
  assert.ok(status !== undefined);
  return status;
}

async function exited(containerId: string) {
  return await eventually("the container's end", async () => {
    const status = await statusOf(containerId);
    return status.state === ContainerState.CONTAINER_EXITED && status;
  });
}

Deno.test("at its start it learns the version, the driver of cgroups, the file system and the state", async () => {
  const version = await cri.call("version", { version: "0.1.0" });
  for (const [name, value] of Object.entries(version)) assert.notEqual(value, "", name);
  const { linux } = await cri.call("runtimeConfig", {});
  assert.equal(linux?.cgroupDriver, CgroupDriver.CGROUPFS);
  const { imageFilesystems: [first] } = await cri.call("imageFsInfo", {});
  await Deno.lstat(first?.fsId?.mountpoint ?? "");
  const { status, runtimeHandlers } = await cri.call("status", {});
  const conditions = status?.conditions.map(({ type, status }) => [type, status]);
  assert.deepEqual(conditions, [["RuntimeReady", true], ["NetworkReady", true]]);
  const unnamed = runtimeHandlers.find(({ name }) => name === "");
  assert.ok(unnamed?.features !== undefined);
});

Deno.test("a container's status has all that the kubelet keeps in it, unchanged", async () => {
  const { containerId } = await start("kept", ["sleep", "1000"]);
  const status = await statusOf(containerId);
  const asked = containerConfig("main", []);
  assert.equal(status.id, containerId);
  assert.deepEqual(status.metadata, asked.metadata);
  assert.ok(status.createdAt > 0n && status.startedAt >= status.createdAt);
  assert.equal(status.image?.image, busybox.image);
  assert.notEqual(status.imageRef, "");
  assert.equal(status.imageId, imageRef);
  assert.deepEqual([status.labels, status.annotations], [asked.labels, asked.annotations]);
  assert.equal(status.logPath, `${podConfig("kept").logDirectory}/main/2.log`);
  const [mount] = status.mounts;
  assert.deepEqual([mount?.containerPath, mount?.hostPath], [
    asked.mounts[0]?.containerPath,
    asked.mounts[0]?.hostPath,
  ]);
});

Deno.test("a termination message is found by the status's mount after the container's end", async () => {
  const { containerId } = await start("message", [
    "sh",
    "-c",
    "echo -n why > /dev/termination-log; exit 3",
  ]);
  const { exitCode, mounts } = await exited(containerId);
  assert.equal(exitCode, 3);
  assert.equal(await Deno.readTextFile(mounts[0]?.hostPath ?? ""), "why");
});

Deno.test("a pod's status has its namespaces and address, and what evented PLEG reads", async () => {
  const { podSandboxId, containerId } = await start("pleg", ["sleep", "1000"]);
  const { status, containersStatuses, timestamp } = await cri.call("podSandboxStatus", {
    podSandboxId,
  });
  assert.equal(status?.state, PodSandboxState.SANDBOX_READY);
  const { network, pid, ipc } = status?.linux?.namespaces?.options ?? {};
  assert.deepEqual([network, pid, ipc], [
    NamespaceMode.POD,
    NamespaceMode.CONTAINER,
    NamespaceMode.POD,
  ]);
  assert.match(status?.network?.ip ?? "", /^10\./);
  assert.deepEqual(containersStatuses.map(({ id }) => id), [containerId]);
  assert.ok(timestamp > 0n);
});

Deno.test("events carry the pod's status with its metadata", async () => {
  const { podSandboxId, containerId } = await start("events", ["sleep", "1000"]);
  await eventually("the start to be told", () => events.told.includes(`STARTED ${containerId}`));
  const event = events.received.find((one) => one.containerId === containerId);
  assert.equal(event?.podSandboxStatus?.id, podSandboxId);
  assert.deepEqual(event?.podSandboxStatus?.metadata, podConfig("events").metadata);
});

Deno.test("what is gone is told as not found by a status, and is done for stop and remove", async () => {
  const { podSandboxId, containerId } = await start("gone", ["sleep", "1000"]);
  await cri.call("removePodSandbox", { podSandboxId });
  assert.equal((await refusal(cri.call("podSandboxStatus", { podSandboxId }))).code, NOT_FOUND);
  assert.equal((await refusal(cri.call("containerStatus", { containerId }))).code, NOT_FOUND);
  for (const _ of [1, 2]) {
    await cri.call("stopContainer", { containerId, timeout: 0n });
    await cri.call("removeContainer", { containerId });
    await cri.call("stopPodSandbox", { podSandboxId });
    await cri.call("removePodSandbox", { podSandboxId });
  }
});

Deno.test("an exit that happened while the daemon was down is told with its code", async () => {
  const { containerId } = await start("down", [
    "sh",
    "-c",
    "while ! [ -e /go ]; do sleep 0.05; done; exit 5",
  ]);
  const { info } = await cri.call("containerStatus", { containerId, verbose: true });
  const { pid } = JSON.parse(info.get("info") ?? "{}");
  await daemon.stop("SIGKILL");
  await Deno.writeTextFile(`/proc/${pid}/root/go`, "");
  await daemon.start();
  const { exitCode, reason } = await exited(containerId);
  assert.deepEqual([exitCode, reason], [5, "Error"]);
});

Deno.test("images are told by id and size, missing ones by nothing, the sandbox's as pinned", async () => {
  assert.match(imageRef, /^sha256:[0-9a-f]{64}$/);
  const missing = await cri.call("imageStatus", { image: { image: "none:1" } });
  assert.equal(missing.image, undefined);
  const { image } = await cri.call("imageStatus", { image: { image: imageRef } });
  assert.equal(image?.id, imageRef);
  assert.ok((image?.size ?? 0n) > 0n);
  await runPod("pause");
  const { images } = await cri.call("listImages", {});
  const pinned = images.filter(({ pinned }) => pinned).map(({ repoTags }) => repoTags[0] ?? "");
  assert.equal(pinned.length, 1);
  assert.match(pinned[0] ?? "", /pause/);
});

Deno.test("a registry that isn't there is told in the word that the kubelet knows", async () => {
  const pull = cri.call("pullImage", { image: { image: "127.0.0.1:1/none:1" } });
  assert.match((await refusal(pull)).details, /RegistryUnavailable/);
});

Deno.test("an exec that takes too long is ended, and told as a deadline exceeded", async () => {
  const { containerId } = await start("exec", ["sleep", "1000"]);
  const cmd = ["sleep", "4712"];
  const { code } = await refusal(cri.call("execSync", { containerId, cmd, timeout: 1n }));
  assert.equal(code, DEADLINE_EXCEEDED);
  await eventually(
    "the process's end",
    async () => (await processesNaming("sleep 4712")).length === 0,
  );
});

Deno.test("a program that isn't there ends its container with 128 and StartError", async () => {
  const { containerId } = await create("missing", ["/none"]);
  const { details } = await refusal(cri.call("startContainer", { containerId }));
  assert.match(details, /no such file/);
  const { exitCode, reason, message } = await exited(containerId);
  assert.deepEqual([exitCode, reason], [128, "StartError"]);
  assert.match(message, /no such file/);
});

Deno.test("streams are served at loopback addresses", async () => {
  const { podSandboxId, containerId } = await start("streams", ["sleep", "1000"]);
  const urls = [
    (await cri.call("exec", { containerId, cmd: ["echo"], stdout: true })).url,
    (await cri.call("attach", { containerId, stdout: true })).url,
    (await cri.call("portForward", { podSandboxId, port: [80] })).url,
  ];
  for (const url of urls) assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/\w+\/\S+$/);
});

Deno.test("a log that is renamed and reopened loses no line", async () => {
  const command = "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo $i; done; sleep 1000";
  const { containerId } = await start("rotated", ["sh", "-c", command]);
  const { logPath } = await statusOf(containerId);
  const rotated: string[] = [];
  const lines = async () => {
    const texts = await Promise.all([...rotated, logPath].map((path) => Deno.readTextFile(path)));
    return texts.join("").trimEnd().split("\n").map((line) => Number(line.split(" ").at(-1)));
  };
  for (let round = 0; round < 10; round++) {
    const path = `${logPath}.${round}`;
    await Deno.rename(logPath, path);
    rotated.push(path);
    await cri.call("reopenContainerLog", { containerId });
  }
  await eventually("the last line", async () => (await lines()).at(-1) === 2000);
  assert.deepEqual(await lines(), Array.from({ length: 2000 }, (_, index) => index + 1));
});

Deno.test("a pod whose own process was killed gets a next attempt, and its shim goes", async () => {
  const { podSandboxId } = await start("killed", ["sleep", "1000"]);
  const { info } = await cri.call("podSandboxStatus", { podSandboxId, verbose: true });
  Deno.kill(JSON.parse(info.get("info") ?? "{}").pid, "SIGKILL");
  await eventually("the pod to be NotReady", async () => {
    const { status } = await cri.call("podSandboxStatus", { podSandboxId });
    return status?.state === PodSandboxState.SANDBOX_NOTREADY;
  });
  await cri.call("stopPodSandbox", { podSandboxId });
  const next = await runPod("killed", 1);
  const { status } = await cri.call("podSandboxStatus", { podSandboxId: next.podSandboxId });
  assert.equal(status?.metadata?.attempt, 1);
  await eventually(
    "the old shim's end",
    async () => (await processesNaming(`-id ${podSandboxId}`)).length === 0,
  );
});

Deno.test("statistics of no pod are asked for to learn whether they are there", async () => {
  const { code } = await refusal(cri.call("podSandboxStats", { podSandboxId: "" }));
  assert.notEqual(code, 12);
});
