/** ContainerStatus: serialised once per change, with the verbose part under containerd's names. */
import { isKind } from "../base/errors.ts";
import type { Containerd } from "../containerd/client.ts";
import {
  ContainerStatus,
  type ContainerStatusRequest,
  ContainerStatusResponse,
} from "../gen/cri/v1/api.ts";
import type { Image } from "../images/image.ts";
import type { ImageStore } from "../images/store.ts";
import type { Container, ContainerStore } from "../state/containers.ts";
import { Encoded, fieldEntry } from "../state/encoded.ts";
import { toGoJson } from "../state/go_json.ts";
import { exitReason } from "../state/status.ts";
import { toCriState } from "./list.ts";
import { toCriSignal } from "./signals.ts";

export interface StatusDeps {
  readonly containerd: Pick<Containerd, "containers">;
  readonly containers: ContainerStore;
  readonly images: Pick<ImageStore, "find">;
}

/** What a record's status is in messages. */
interface Told {
  /** Good while the record's image has the same names. */
  readonly image: Image | undefined;
  readonly answer: Encoded;
  readonly inPod: Uint8Array;
}

const told = new WeakMap<Container, Told>();

/** Field numbers of ContainerStatusResponse.status and PodSandboxStatusResponse.containers_statuses. */
const STATUS = 1;
const CONTAINERS_STATUSES = 3;

/** @throws CriError notFound */
export async function containerStatus(
  deps: StatusDeps,
  { containerId, verbose }: ContainerStatusRequest,
  signal: AbortSignal,
): Promise<Encoded> {
  const container = deps.containers.get(containerId);
  const info = verbose ? await verboseInfo(deps, container, signal) : undefined;
  const { answer } = tell(deps, container);
  return info === undefined ? answer : new Encoded(...answer.parts, info);
}

/** The status as an entry of a PodSandboxStatusResponse. */
export function statusInPod(deps: Pick<StatusDeps, "images">, container: Container): Uint8Array {
  return tell(deps, container).inPod;
}

function tell(deps: Pick<StatusDeps, "images">, container: Container): Told {
  const image = deps.images.find(container.metadata.imageRef);
  const known = told.get(container);
  if (known !== undefined && known.image === image) return known;
  const status = ContainerStatus.encode(toCriStatus(container, image)).finish();
  const answer = new Encoded(fieldEntry(STATUS, status));
  const now = { image, answer, inPod: fieldEntry(CONTAINERS_STATUSES, status) };
  told.set(container, now);
  return now;
}

/** The CRI's view of a container. */
export function statusOf(deps: Pick<StatusDeps, "images">, container: Container): ContainerStatus {
  return toCriStatus(container, deps.images.find(container.metadata.imageRef));
}

function toCriStatus(container: Container, image: Image | undefined): ContainerStatus {
  const { metadata, state, user } = container;
  const { config } = metadata;
  const [tag] = image?.repoTags ?? [];
  return {
    id: container.id,
    metadata: config.metadata,
    state: toCriState(container),
    createdAt: container.createdAtNs,
    startedAt: state.kind === "created" ? 0n : state.startedAtNs,
    ...exitOf(container),
    // The kubelet asked by image id; people and its status want the name.
    image: config.image && tag !== undefined ? { ...config.image, image: tag } : config.image,
    imageRef: image?.repoDigests[0] ?? metadata.imageRef,
    imageId: metadata.imageRef,
    labels: config.labels,
    annotations: config.annotations,
    mounts: config.mounts,
    logPath: metadata.logPath,
    resources: { linux: config.linux?.resources, windows: undefined },
    user: { linux: user },
    stopSignal: toCriSignal(metadata.stopSignal),
  };
}

function exitOf(
  { state }: Container,
): Pick<ContainerStatus, "finishedAt" | "exitCode" | "reason" | "message"> {
  if (state.kind !== "exited") return { finishedAt: 0n, exitCode: 0, reason: "", message: "" };
  return {
    finishedAt: state.finishedAtNs,
    exitCode: state.exitCode,
    reason: state.reason === "" ? exitReason(state.exitCode, false) : state.reason,
    message: state.message,
  };
}

/** As the part of the response that it is. */
async function verboseInfo(
  deps: StatusDeps,
  { id, metadata, state, snapshotKey, snapshotter }: Container,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const record = await deps.containerd.containers.get(id, { signal }).catch((error) => {
    if (isKind(error, "notFound")) return undefined;
    throw error;
  });
  const spec = record?.spec === undefined ? "null" : new TextDecoder().decode(record.spec.value);
  const fields = [
    `"sandboxID":${JSON.stringify(metadata.sandboxId)}`,
    `"pid":${state.kind === "running" ? state.pid : 0}`,
    `"removing":false`,
    `"snapshotKey":${JSON.stringify(snapshotKey)}`,
    `"snapshotter":${JSON.stringify(snapshotter)}`,
    `"runtimeType":${JSON.stringify(record?.runtime.name ?? "")}`,
    `"config":${toGoJson(metadata.config)}`,
    `"runtimeSpec":${spec}`,
  ];
  const info = new Map([["info", `{${fields.join(",")}}`]]);
  return ContainerStatusResponse.encode({ status: undefined, info }).finish();
}
