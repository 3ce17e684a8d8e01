/** PodSandboxStatus, with the verbose part that tools read under containerd's field names. */
import { isKind } from "../base/errors.ts";
import type { Containerd } from "../containerd/client.ts";
import { type StatusDeps as ContainerStatusDeps, statusInPod } from "../containers/status.ts";
import {
  NamespaceOption,
  PodSandboxStatus,
  type PodSandboxStatusRequest,
  PodSandboxStatusResponse,
} from "../gen/cri/v1/api.ts";
import { Encoded, entriesOf, joinEntries, numberEntry } from "../state/encoded.ts";
import { toGoJson } from "../state/go_json.ts";
import { encodeSandboxMetadata } from "../state/metadata.ts";
import type { Sandbox, SandboxStore } from "../state/sandboxes.ts";
import { toCriState } from "./list.ts";
import { namespaceOptions } from "./namespaces.ts";

/** What a pod gets that asked for nothing. */
const OWN_NAMESPACES = NamespaceOption.fromPartial({});

export interface StatusDeps extends ContainerStatusDeps {
  readonly containerd: Pick<Containerd, "containers">;
  readonly sandboxes: SandboxStore;
  nowNs(): bigint;
}

/** Field numbers of PodSandboxStatusResponse. */
const STATUS = 1;
const TIMESTAMP = 4;

const statusEntry = entriesOf<Sandbox>(
  STATUS,
  (pod) => PodSandboxStatus.encode(toCriStatus(pod)).finish(),
);

/** Serialised once per change of the pod and of each container. @throws CriError notFound */
export async function podSandboxStatus(
  deps: StatusDeps,
  { podSandboxId, verbose }: PodSandboxStatusRequest,
  signal: AbortSignal,
): Promise<Encoded> {
  const pod = deps.sandboxes.get(podSandboxId);
  const info = verbose ? await verboseInfo(deps, pod, signal) : undefined;
  return new Encoded(joinEntries([
    statusEntry(pod),
    ...info === undefined ? [] : [info],
    ...deps.containers.ofPod(pod.id).map((one) => statusInPod(deps, one)),
    numberEntry(TIMESTAMP, deps.nowNs()),
  ]));
}

/** The CRI's view of a pod. Addresses are told while the pod holds them. */
export function toCriStatus(pod: Sandbox): PodSandboxStatus {
  const { config, ips, runtimeHandler } = pod.metadata;
  const released = pod.state.kind === "notReady" && pod.state.released;
  const [ip = "", ...additional] = released ? [] : ips;
  return {
    id: pod.id,
    metadata: config.metadata,
    state: toCriState(pod),
    createdAt: pod.createdAtNs,
    network: { ip, additionalIps: additional.map((ip) => ({ ip })) },
    linux: { namespaces: { options: namespaceOptions(config) ?? OWN_NAMESPACES } },
    labels: config.labels,
    annotations: config.annotations,
    runtimeHandler,
  };
}

/** As the part of the response that it is. */
async function verboseInfo(
  deps: StatusDeps,
  pod: Sandbox,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const record = await deps.containerd.containers.get(pod.id, { signal }).catch((error) => {
    if (isKind(error, "notFound")) return undefined;
    throw error;
  });
  const decoder = new TextDecoder();
  const { metadata, state } = pod;
  const fields = [
    `"pid":${state.kind === "ready" ? state.pid : 0}`,
    `"processStatus":${JSON.stringify(state.kind === "ready" ? "running" : "deleted")}`,
    `"netNamespaceClosed":${state.kind === "notReady" && state.released}`,
    `"image":${JSON.stringify(record?.image ?? "")}`,
    `"snapshotKey":${JSON.stringify(pod.id)}`,
    `"snapshotter":${JSON.stringify(pod.snapshotter)}`,
    `"runtimeHandler":${JSON.stringify(metadata.runtimeHandler)}`,
    `"runtimeType":${JSON.stringify(pod.runtimeType)}`,
    `"leftovers":${JSON.stringify(pod.leftovers)}`,
    `"config":${toGoJson(metadata.config)}`,
    `"runtimeSpec":${record?.spec === undefined ? "null" : decoder.decode(record.spec.value)}`,
    `"cniResult":${JSON.stringify(metadata.cniResult ?? null)}`,
    `"sandboxMetadata":${decoder.decode(encodeSandboxMetadata(metadata))}`,
  ];
  const info = new Map([["info", `{${fields.join(",")}}`]]);
  return PodSandboxStatusResponse.encode(PodSandboxStatusResponse.fromPartial({ info })).finish();
}
