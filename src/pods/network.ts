/** Step 3 of 7: the pod's network, by CNI on its pinned namespace. */
import type { Attachment, CniNetworks, NetworkResult } from "../cni/types.ts";
import { invalidArgument } from "../base/errors.ts";
import { type PodSandboxConfig, type PortMapping, Protocol } from "../gen/cri/v1/api.ts";
import type { SandboxMetadata } from "../state/metadata.ts";

/** The interface in the pod that Kubernetes counts on. */
const IFNAME = "eth0";

const PROTOCOLS = new Map([
  [Protocol.TCP, "tcp" as const],
  [Protocol.UDP, "udp" as const],
  [Protocol.SCTP, "sctp" as const],
]);

/** Annotations of a pod that limit its bandwidth, in bits a second ("10M"). */
const INGRESS = "kubernetes.io/ingress-bandwidth";
const EGRESS = "kubernetes.io/egress-bandwidth";

export interface NetworkDeps {
  readonly network: Pick<CniNetworks, "attach" | "detach">;
}

/** Gives the pod its interface and addresses. Undone by {@link detachNetwork}. */
export async function attachNetwork(
  deps: NetworkDeps,
  pod: SandboxMetadata,
  signal: AbortSignal,
): Promise<NetworkResult> {
  return await deps.network.attach(attachment(pod), signal);
}

/** Takes the pod off the network; done already is done, and so is never attached. */
export async function detachNetwork(
  deps: NetworkDeps,
  pod: SandboxMetadata,
  signal: AbortSignal,
): Promise<void> {
  if (pod.netnsPath === "") return;
  await deps.network.detach(attachment(pod), signal);
}

/** What CNI plugins are told of a pod; the same for ADD and DEL. */
export function attachment(pod: SandboxMetadata): Attachment {
  const { config } = pod;
  const bandwidth = bandwidthOf(config);
  const dns = config.dnsConfig;
  return {
    containerId: pod.id,
    netnsPath: pod.netnsPath,
    ifName: IFNAME,
    args: new Map([
      ["K8S_POD_NAMESPACE", config.metadata?.namespace ?? ""],
      ["K8S_POD_NAME", config.metadata?.name ?? ""],
      ["K8S_POD_INFRA_CONTAINER_ID", pod.id],
      ["K8S_POD_UID", config.metadata?.uid ?? ""],
    ]),
    portMappings: config.portMappings.filter((port) => port.hostPort > 0).map(portMapping),
    ...(bandwidth === undefined ? {} : { bandwidth }),
    ...(dns === undefined ? {} : {
      dns: { servers: dns.servers, searches: dns.searches, options: dns.options },
    }),
    cgroupPath: config.linux?.cgroupParent ?? "",
  };
}

function portMapping(port: PortMapping): Attachment["portMappings"][number] {
  const protocol = PROTOCOLS.get(port.protocol);
  if (protocol === undefined) {
    throw invalidArgument("config.port_mappings.protocol", `unknown value ${port.protocol}`);
  }
  return {
    hostPort: port.hostPort,
    containerPort: port.containerPort,
    protocol,
    hostIP: port.hostIp,
  };
}

/** @throws CriError invalidArgument for an annotation that isn't a quantity */
export function bandwidthOf(config: PodSandboxConfig): Attachment["bandwidth"] {
  const ingress = config.annotations.get(INGRESS);
  const egress = config.annotations.get(EGRESS);
  if (ingress === undefined && egress === undefined) return undefined;
  // The bandwidth plugin refuses a rate without a burst: all that a 32-bit counter holds.
  const burst = 2n ** 31n - 1n;
  const ingressRate = ingress === undefined ? 0n : quantity(INGRESS, ingress);
  const egressRate = egress === undefined ? 0n : quantity(EGRESS, egress);
  return {
    ingressRate,
    ingressBurst: ingressRate === 0n ? 0n : burst,
    egressRate,
    egressBurst: egressRate === 0n ? 0n : burst,
  };
}

const UNITS = new Map([
  ["", 1n],
  ["k", 10n ** 3n],
  ["M", 10n ** 6n],
  ["G", 10n ** 9n],
  ["T", 10n ** 12n],
  ["Ki", 2n ** 10n],
  ["Mi", 2n ** 20n],
  ["Gi", 2n ** 30n],
  ["Ti", 2n ** 40n],
]);

/** A Kubernetes quantity in whole units: "10M", "512Ki", "1.5G". */
function quantity(annotation: string, text: string): bigint {
  const match = /^(\d+)(?:\.(\d{1,9}))?([kMGT]i?|Ki)?$/.exec(text);
  const unit = UNITS.get(match?.[3] ?? "");
  if (match === null || unit === undefined) {
    throw invalidArgument(
      `config.annotations[${annotation}]`,
      `${JSON.stringify(text)} is not a quantity such as 10M`,
    );
  }
  const fraction = match[2] ?? "";
  return BigInt((match[1] ?? "0") + fraction) * unit / 10n ** BigInt(fraction.length);
}
