/** What the kubelet sends: every request of the CRI, and the specs that come of the big ones. */
import {
  checkCreateContainer,
  checkStopContainer,
  checkUpdateContainerResources,
} from "../../src/cri/validate/container.ts";
import { checkId, checkNoNul } from "../../src/cri/validate/fields.ts";
import { checkRunPodSandbox, checkUpdatePodSandboxResources } from "../../src/cri/validate/pod.ts";
import {
  checkAttach,
  checkExec,
  checkExecSync,
  checkPortForward,
} from "../../src/cri/validate/streaming.ts";
import {
  AttachRequest,
  CreateContainerRequest,
  ExecRequest,
  ExecSyncRequest,
  ImageServiceDefinition,
  PortForwardRequest,
  PullImageRequest,
  RunPodSandboxRequest,
  RuntimeServiceDefinition,
  StartContainerRequest,
  StopContainerRequest,
  UpdateContainerResourcesRequest,
  UpdatePodSandboxResourcesRequest,
} from "../../src/gen/cri/v1/api.ts";
import { parseReference } from "../../src/images/reference.ts";
import { containerSpec } from "../../src/oci/container.ts";
import { sandboxSpec } from "../../src/oci/sandbox.ts";
import { containerUser } from "../../src/oci/user.ts";
import { attachment, bandwidthOf } from "../../src/pods/network.ts";
import { recordLabels } from "../../src/state/labels.ts";
import {
  decodeContainerMetadata,
  decodeSandboxMetadata,
  encodeContainerMetadata,
  encodeSandboxMetadata,
} from "../../src/state/metadata.ts";
import type { ContainerId, SandboxId } from "../../src/base/id.ts";
import {
  ACCOUNTS,
  container,
  containerConfig,
  ORDINARY,
  podConfig,
  sandbox,
  USERNS,
  WEB,
} from "../fixtures/oci/requests.ts";
import type { Target } from "./target.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A generated message type, as far as it is needed here. */
interface Wire<T> {
  decode(bytes: Uint8Array): T;
  encode(message: T): { finish(): Uint8Array };
}

/** Decodes and goes on; what is no message of its type the edge refuses by itself. */
function onMessage<T>(
  { name, wire, examples, work }: {
    name: string;
    wire: Wire<T>;
    examples: readonly T[];
    work: (message: T) => void;
  },
): Target {
  return {
    name,
    examples: examples.map((one): Bytes => new Uint8Array(wire.encode(one).finish())),
    take: (input) => {
      let message: T;
      try {
        message = wire.decode(input);
      } catch {
        return;
      }
      work(message);
    },
  };
}

const full = podConfig({
  resources: { cpuPeriod: 100_000n, cpuShares: 512n, memoryLimitInBytes: 268_435_456n },
  sysctls: new Map([["net.core.somaxconn", "1024"]]),
});
const mapped = podConfig({ securityContext: { namespaceOptions: { usernsOptions: USERNS } } });
const ids = { sandbox: "5a4b" as SandboxId, container: "c1d2" as ContainerId };

const runPodSandbox = onMessage({
  name: "RunPodSandbox",
  wire: RunPodSandboxRequest,
  examples: [full, mapped].map((config) => ({ config, runtimeHandler: "runc" })),
  work: (request) => {
    checkRunPodSandbox(request);
    const { config } = request;
    if (config === undefined) return;
    sandboxSpec(sandbox({ config }));
    bandwidthOf(config);
    recordLabels("sandbox", config.labels);
    const metadata = {
      id: ids.sandbox,
      name: "n",
      config,
      netnsPath: "/n",
      ips: ["10.0.0.1"],
      runtimeHandler: "",
      cniResult: undefined,
      processLabel: "",
    };
    attachment(metadata);
    decodeSandboxMetadata(encodeSandboxMetadata(metadata));
  },
});

const createContainer = onMessage({
  name: "CreateContainer",
  wire: CreateContainerRequest,
  examples: [containerConfig(), containerConfig(ORDINARY)].map((config) => ({
    podSandboxId: ids.sandbox,
    config,
    sandboxConfig: full,
  })),
  work: (request) => {
    checkCreateContainer(request);
    const { config } = request;
    if (config === undefined) return;
    const user = containerUser(config.linux?.securityContext, WEB.user, ACCOUNTS);
    const mountSources = config.mounts.map(({ hostPath }) => ({ path: hostPath }));
    const devices = config.devices.map(() => []);
    containerSpec({ ...container(), config, user, mountSources, devices });
    recordLabels("container", config.labels);
    decodeContainerMetadata(encodeContainerMetadata({
      id: ids.container,
      name: "n",
      sandboxId: ids.sandbox,
      config,
      imageRef: "",
      logPath: "",
      stopSignal: "",
      processLabel: "",
    }));
  },
});

const checked: readonly Target[] = [
  onMessage({
    name: "StartContainer",
    wire: StartContainerRequest,
    examples: [{ containerId: ids.container }],
    work: ({ containerId }) => checkId("container_id", containerId),
  }),
  onMessage({
    name: "StopContainer",
    wire: StopContainerRequest,
    examples: [{ containerId: ids.container, timeout: 30n }],
    work: checkStopContainer,
  }),
  onMessage({
    name: "UpdateContainerResources",
    wire: UpdateContainerResourcesRequest,
    examples: [UpdateContainerResourcesRequest.fromPartial({
      containerId: ids.container,
      linux: { cpuShares: 512n, memoryLimitInBytes: 1n << 28n, unified: new Map([["a", "b"]]) },
    })],
    work: (request) => void checkUpdateContainerResources(request),
  }),
  onMessage({
    name: "UpdatePodSandboxResources",
    wire: UpdatePodSandboxResourcesRequest,
    examples: [UpdatePodSandboxResourcesRequest.fromPartial({
      podSandboxId: ids.sandbox,
      overhead: { cpuShares: 2n },
      resources: { cpuShares: 2n },
    })],
    work: checkUpdatePodSandboxResources,
  }),
  onMessage({
    name: "ExecSync",
    wire: ExecSyncRequest,
    examples: [{ containerId: ids.container, cmd: ["ls", "-l"], timeout: 10n }],
    work: checkExecSync,
  }),
  onMessage({
    name: "Exec",
    wire: ExecRequest,
    examples: [
      ExecRequest.fromPartial({ containerId: "c", cmd: ["sh"], stdin: true, stdout: true }),
    ],
    work: checkExec,
  }),
  onMessage({
    name: "Attach",
    wire: AttachRequest,
    examples: [AttachRequest.fromPartial({ containerId: "c", stdout: true })],
    work: checkAttach,
  }),
  onMessage({
    name: "PortForward",
    wire: PortForwardRequest,
    examples: [{ podSandboxId: ids.sandbox, port: [80, 443] }],
    work: checkPortForward,
  }),
  onMessage({
    name: "PullImage",
    wire: PullImageRequest,
    examples: [PullImageRequest.fromPartial({
      image: { image: "registry.example/team/web:1.27" },
      auth: { username: "u", password: "p", auth: "dTpw" },
    })],
    work: (request) => {
      const image = request.image?.image ?? "";
      checkNoNul("image", image);
      parseReference(image);
    },
  }),
];

/** Of the rest decoding is all: their handlers look ids and filters up. */
function decoded(): Target[] {
  const names = new Set([runPodSandbox, createContainer, ...checked].map(({ name }) => name));
  const methods = [
    ...Object.values(RuntimeServiceDefinition.methods),
    ...Object.values(ImageServiceDefinition.methods),
  ];
  return methods.filter(({ name }) => !names.has(name)).map(({ name, requestType }) => ({
    name,
    examples: [Uint8Array.of(10, 6, 10, 4, 97, 98, 99, 100), new Uint8Array()],
    take: (input) => {
      try {
        requestType.decode(input);
      } catch {
        // The edge refuses it.
      }
    },
  }));
}

export const CRI_TARGETS: readonly Target[] = [
  runPodSandbox,
  createContainer,
  ...checked,
  ...decoded(),
];
