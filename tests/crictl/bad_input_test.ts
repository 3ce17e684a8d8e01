/**
 * Every message with every field wrong, one at a time. What comes back is a refusal that names the
 * field, or a documented default, but never an inner error, and never a trace on the node.
 */
import assert from "node:assert/strict";
import {
  CreateContainerRequest,
  LinuxContainerResources,
  MountPropagation,
  RunPodSandboxRequest,
  SecurityProfile_ProfileType,
} from "../../src/gen/cri/v1/api.ts";
import { StatusError } from "../../src/grpc/status.ts";
import { CriClient } from "../world/cri_client.ts";
import { crictlOf } from "../world/crictl.ts";
import { startDaemon } from "../world/daemon.ts";
import { assertNothingLeft } from "../world/leftovers.ts";
import { mutations } from "../world/mutations.ts";
import { busyboxRegistry, Pods } from "../world/requests.ts";

const daemon = await startDaemon();
const busybox = await busyboxRegistry();
const crictl = crictlOf(daemon);
const cri = new CriClient(daemon.listen);
const { image } = busybox;
await crictl("pull", image);

Deno.test.afterEach(async () => {
  await new Pods(crictl, daemon).removeAll();
  await assertNothingLeft(daemon);
  assert.deepEqual(problems.splice(0), []);
});
Deno.test.afterAll(async () => {
  cri[Symbol.dispose]();
  await busybox[Symbol.asyncDispose]();
  await daemon[Symbol.asyncDispose]();
});

type Method = Parameters<CriClient["call"]>[0];

/** invalidArgument, notFound, alreadyExists, failedPrecondition, unimplemented. */
const REFUSALS = new Set([3, 5, 6, 9, 12]);

/** Answers that nobody should ever get, of the test that is running. */
const problems: string[] = [];

/** Calls and gives the answer, or undefined when it was refused. */
async function ask(method: Method, what: string, message: object): Promise<object | undefined> {
  try {
    return await cri.call(method, message);
  } catch (error) {
    // What no client can put into a message can't be sent.
    if (!(error instanceof StatusError)) return undefined;
    const { code, details } = error;
    const isGood = REFUSALS.has(code) && details.length > 5 && details.length < 2_100;
    if (!isGood) problems.push(`${method}: ${what}: ${code} ${details.slice(0, 500)}`);
    return undefined;
  }
}

/** Asks with each mutation, and undoes what was accepted. */
async function askAll(
  method: Method,
  message: object,
  undo: (answer: object) => Promise<unknown>,
): Promise<void> {
  // The message itself is good: what is refused is refused for the one field.
  await undo(await cri.call(method, message));
  for (const { what, message: bad } of mutations(message)) {
    const answer = await ask(method, what, bad);
    if (answer !== undefined) await undo(answer);
  }
}

const SECCOMP = { profileType: SecurityProfile_ProfileType.RuntimeDefault };

/** On the node's network, where pods are quick to make. */
const POD = RunPodSandboxRequest.fromPartial({
  config: {
    metadata: { name: "bad", namespace: "default", uid: "uid-bad", attempt: 1 },
    hostname: "bad",
    logDirectory: `${daemon.logDir}/bad`,
    dnsConfig: { servers: ["10.0.0.10"], searches: ["local"], options: ["ndots:5"] },
    portMappings: [{ containerPort: 80, hostPort: 0, hostIp: "127.0.0.1" }],
    labels: new Map([["app", "bad"]]),
    annotations: new Map([["note", "bad"]]),
    linux: {
      cgroupParent: daemon.cgroupParent,
      securityContext: {
        namespaceOptions: { network: 2 },
        selinuxOptions: { user: "", role: "", type: "", level: "s0:c1,c2" },
        runAsUser: { value: 1n },
        runAsGroup: { value: 2n },
        supplementalGroups: [3n],
        seccomp: SECCOMP,
        apparmor: { profileType: SecurityProfile_ProfileType.Unconfined },
      },
      sysctls: new Map([["kernel.msgmax", "65536"]]),
      overhead: { cpuShares: 2n },
      resources: { cpuShares: 2n, cpuPeriod: 100_000n, hugepageLimits: [] },
    },
  },
  runtimeHandler: "runc",
});

const CONTAINER = CreateContainerRequest.fromPartial({
  config: {
    metadata: { name: "bad", attempt: 1 },
    image: { image, userSpecifiedImage: image, annotations: new Map([["a", "b"]]) },
    command: ["sleep"],
    args: ["1000"],
    workingDir: "/",
    envs: [{ key: "A", value: new Uint8Array([66]) }],
    mounts: [{
      containerPath: "/m",
      hostPath: `${daemon.dir}/mounted`,
      readonly: true,
      propagation: MountPropagation.PROPAGATION_PRIVATE,
      uidMappings: [{ hostId: 1, containerId: 0, length: 1 }],
      gidMappings: [{ hostId: 1, containerId: 0, length: 1 }],
    }],
    devices: [{ containerPath: "/dev/x", hostPath: "/dev/zero", permissions: "r" }],
    labels: new Map([["part", "bad"]]),
    annotations: new Map([["note", "bad"]]),
    logPath: "bad.log",
    stdin: false,
    linux: {
      resources: {
        cpuPeriod: 100_000n,
        cpuQuota: 10_000n,
        cpuShares: 2n,
        memoryLimitInBytes: 50_000_000n,
        memorySwapLimitInBytes: 60_000_000n,
        oomScoreAdj: 100n,
        cpusetCpus: "0",
        cpusetMems: "0",
        hugepageLimits: [{ pageSize: "2MB", limit: 1n }],
        unified: new Map([["pids.max", "100"]]),
      },
      securityContext: {
        capabilities: {
          addCapabilities: ["NET_RAW"],
          dropCapabilities: ["MKNOD"],
          addAmbientCapabilities: ["NET_RAW"],
        },
        namespaceOptions: { network: 2, pid: 1, targetId: "" },
        selinuxOptions: { user: "", role: "", type: "", level: "s0" },
        runAsUser: { value: 1n },
        runAsGroup: { value: 2n },
        supplementalGroups: [3n],
        noNewPrivs: true,
        maskedPaths: ["/proc/kcore"],
        readonlyPaths: ["/proc/sys"],
        seccomp: SECCOMP,
        apparmor: { profileType: SecurityProfile_ProfileType.Unconfined },
      },
    },
    stopSignal: 15,
  },
});

async function runPod(): Promise<string> {
  const { config } = POD;
  const { podSandboxId } = await cri.call("runPodSandbox", { config });
  return podSandboxId;
}

function idOf(answer: object): string {
  const id: unknown = Object.values(answer).find((value) => typeof value === "string");
  return String(id);
}

Deno.test("RunPodSandbox with any field wrong is refused or makes a pod", async () => {
  await askAll("runPodSandbox", POD, async (answer) => {
    await cri.call("removePodSandbox", { podSandboxId: idOf(answer) });
  });
});

Deno.test("CreateContainer with any field wrong is refused or makes a container", async () => {
  const podSandboxId = await runPod();
  const request = { ...CONTAINER, podSandboxId };
  await askAll("createContainer", request, async (answer) => {
    await cri.call("removeContainer", { containerId: idOf(answer) });
  });
});

Deno.test("UpdateContainerResources with any field wrong is refused or changes them", async () => {
  const podSandboxId = await runPod();
  const { containerId } = await cri.call("createContainer", { ...CONTAINER, podSandboxId });
  const linux = CONTAINER.config?.linux?.resources;
  const change = LinuxContainerResources.fromPartial(linux ?? {});
  await askAll("updateContainerResources", {
    containerId,
    linux: change,
    annotations: new Map([["a", "b"]]),
  }, () => Promise.resolve());
  await askAll("updatePodSandboxResources", {
    podSandboxId,
    resources: change,
    overhead: change,
  }, () => Promise.resolve());
});

/** Requests about what is there, by the ids that they name. */
const ABOUT: [method: Method, request: (ids: { pod: string; container: string }) => object][] = [
  ["version", () => ({ version: "v1" })],
  ["status", () => ({ verbose: true })],
  ["runtimeConfig", () => ({})],
  ["updateRuntimeConfig", () => ({ runtimeConfig: { networkConfig: { podCidr: "10.0.0.0/24" } } })],
  ["podSandboxStatus", ({ pod }) => ({ podSandboxId: pod, verbose: true })],
  ["listPodSandbox", ({ pod }) => ({
    filter: { id: pod, state: { state: 0 }, labelSelector: new Map([["a", "b"]]) },
  })],
  ["containerStatus", ({ container }) => ({ containerId: container, verbose: true })],
  ["listContainers", ({ pod, container }) => ({
    filter: {
      id: container,
      podSandboxId: pod,
      state: { state: 1 },
      labelSelector: new Map([["a", "b"]]),
    },
  })],
  ["execSync", ({ container }) => ({ containerId: container, cmd: ["echo", "x"], timeout: 5n })],
  ["exec", ({ container }) => ({ containerId: container, cmd: ["echo"], stdout: true })],
  ["attach", ({ container }) => ({ containerId: container, stdout: true })],
  ["portForward", ({ pod }) => ({ podSandboxId: pod, port: [80] })],
  ["containerStats", ({ container }) => ({ containerId: container })],
  ["listContainerStats", ({ pod, container }) => ({
    filter: { id: container, podSandboxId: pod, labelSelector: new Map([["a", "b"]]) },
  })],
  ["podSandboxStats", ({ pod }) => ({ podSandboxId: pod })],
  ["listPodSandboxStats", ({ pod }) => ({
    filter: { id: pod, labelSelector: new Map([["a", "b"]]) },
  })],
  ["reopenContainerLog", ({ container }) => ({ containerId: container })],
  ["listImages", () => ({ filter: { image: { image, annotations: new Map([["a", "b"]]) } } })],
  ["imageStatus", () => ({ image: { image }, verbose: true })],
  ["imageFsInfo", () => ({})],
  ["stopContainer", ({ container }) => ({ containerId: container, timeout: 0n })],
  ["removeContainer", ({ container }) => ({ containerId: container })],
  ["stopPodSandbox", ({ pod }) => ({ podSandboxId: pod })],
  ["removePodSandbox", ({ pod }) => ({ podSandboxId: pod })],
];

Deno.test("requests about pods, containers and images with any field wrong are refused or answered", async () => {
  const pod = await runPod();
  const request = { ...CONTAINER, podSandboxId: pod };
  const { containerId: container } = await cri.call("createContainer", request);
  await cri.call("startContainer", { containerId: container });
  for (const [method, requestOf] of ABOUT) {
    const message = requestOf({ pod, container });
    for (const { what, message: bad } of mutations(message)) await ask(method, what, bad);
    await ask(method, "nothing wrong", message);
  }
});

Deno.test("PullImage and RemoveImage with any field wrong are refused or done", async () => {
  const request = {
    image: {
      image: `${busybox.registry.host}/none:1`,
      userSpecifiedImage: "",
      annotations: new Map(),
    },
    auth: {
      username: "u",
      password: "p",
      auth: "dTpw",
      serverAddress: busybox.registry.host,
      identityToken: "",
      registryToken: "",
    },
    sandboxConfig: POD.config ?? {},
  };
  for (const { what, message } of mutations(request)) {
    if (what.startsWith("sandboxConfig.")) continue;
    try {
      await cri.call("pullImage", message);
    } catch (error) {
      if (!(error instanceof StatusError)) continue;
      // There is no such image: that is the answer where nothing else is wrong.
      const isGood = REFUSALS.has(error.code) || error.code === 14;
      if (!isGood) problems.push(`pullImage: ${what}: ${error.code} ${error.details}`);
    }
  }
  for (const { what, message } of mutations({ image: { image: "none:1" } })) {
    await ask("removeImage", what, message);
  }
});
