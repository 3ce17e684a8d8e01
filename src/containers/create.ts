/**
 * Step 6 of 7: a container, from the request to Created.
 *
 *   1  check the pod and the image, reserve the name    undo: release the name
 *   2  record the container in containerd               undo: delete the record
 *   3  its root filesystem, folder, images and user     undo: remove them
 *   ·  publish: Created
 *
 * The runtime spec needs the user, and the user needs the image's own passwd file. That is read once
 * an image; the first container of an image is recorded with an empty spec that is filled in then,
 * and so is one with volumes of its image or mounted images.
 */
import { both } from "../base/both.ts";
import { during } from "../base/errors.ts";
import type { Flights } from "../base/flights.ts";
import { removePath } from "../base/gone.ts";
import type { ContainerId } from "../base/id.ts";
import { logger } from "../base/log.ts";
import { Operation } from "../base/operation.ts";
import { makePrivateFolder } from "../base/private_folder.ts";
import type { Containerd } from "../containerd/client.ts";
import type { Mount } from "../containerd/mount.ts";
import { CreateContainerRequest } from "../gen/cri/v1/api.ts";
import type { MountSource } from "../oci/input.ts";
import type { Container } from "../state/containers.ts";
import { containerDir } from "../state/folders.ts";
import { SPEC_TYPE } from "../state/labels.ts";
import type { NameRegistry } from "../state/names.ts";
import { assertReady, podName } from "../state/sandboxes.ts";
import {
  type AccountsDeps,
  endLookup,
  knownAccounts,
  readAccounts,
  withRootfs,
} from "./accounts.ts";
import { writeCheckpoint } from "./checkpoints.ts";
import { type ImageMountDeps, isImageMount, mountImages, unmountImages } from "./image_mounts.ts";
import { findSources, type SourcesDeps } from "./mount_sources.ts";
import { makePlan, type Plan, type PlanDeps, specPlan } from "./plan.ts";
import { deleteContainerRecord, EMPTY_SPEC, recordContainer } from "./record.ts";
import {
  allotContainerLabel,
  filesLabel,
  relabelMounts,
  releaseLevel,
  type SelinuxDeps,
  sharePodFiles,
} from "./selinux.ts";
import { onUnpacked, removeSnapshot, type RootfsMounts } from "./snapshot.ts";
import { buildContainerSpec, type BuiltSpec, type SpecDeps } from "./spec.ts";
import { rootGroup, snapshotLabels } from "./user_namespace.ts";
import { fillVolumes, labelVolumes, makeVolumes, type VolumeDeps, volumesOf } from "./volumes.ts";

const log = logger("containers");

export type CreateDeps =
  & PlanDeps
  & SpecDeps
  & AccountsDeps
  & SourcesDeps
  & ImageMountDeps
  & VolumeDeps
  & SelinuxDeps
  & {
    readonly containerd: Pick<Containerd, "containers" | "snapshots">;
    readonly names: NameRegistry;
    readonly containerFlights: Flights<ContainerId>;
    readonly rootfsMounts: RootfsMounts;
  };

/**
 * Makes a container in a ready pod. The same request again joins the one in progress.
 *
 * @throws CriError notFound for the pod or image, failedPrecondition when the pod isn't ready,
 *   alreadyExists for a name in use, and what the steps throw
 */
export function createContainer(
  deps: CreateDeps,
  request: CreateContainerRequest,
  signal: AbortSignal,
): Promise<ContainerId> {
  const plan = makePlan(deps, request);
  const { container, pod } = plan;
  const { name } = container.metadata;
  const fingerprint = CreateContainerRequest.encode(request).finish().toBase64();
  return deps.containerFlights.join({ name, request: fingerprint, signal }, (signal) => {
    const own = container.metadata.config.metadata?.name;
    const what = `create container ${own} (${container.id}) in pod ${podName(pod)} (${pod.id})`;
    const operation = new Operation(what, signal);
    return { operation, result: create(deps, operation, plan) };
  });
}

async function create(deps: CreateDeps, op: Operation, asked: Plan): Promise<ContainerId> {
  const { pod, container: { id } } = asked;
  try {
    await op.step(
      "reserve the name",
      () => deps.names.reserve(asked.container.metadata.name, id),
      () => {
        deps.names.release(id);
      },
    );
    const plan = await op.step("allot its SELinux label", () => labelled(deps, asked), () => {
      releaseLevel(deps, id);
    });
    const { container } = plan;
    const mountSources = await lookAtMounts(deps, op, plan);
    const accounts = needsRootfs(deps, plan) ? undefined : knownAccounts(deps, plan.image);
    const early = accounts &&
      await buildContainerSpec(deps, specPlan(deps, plan, { accounts, mountSources }));
    await op.step(
      "record the container",
      () => recordContainer(deps, { ...plan, spec: early?.bytes ?? EMPTY_SPEC }, op.signal),
      (signal) => deleteContainerRecord(deps, id, signal),
    );
    const [rootfs, images] = await both(
      op.signal,
      (signal) =>
        op.step(
          "prepare the root filesystem",
          () => prepareRootfs(deps, plan, signal),
          (signal) => removeSnapshot(deps, container, signal),
        ),
      (signal) => makeFiles(deps, op, { plan, signal }),
    );
    const sources = mountSources.map((source, index) => {
      const path = images.get(index);
      return path === undefined ? source : { path };
    });
    const { user } = early ??
      await op.step(
        "look into the image",
        () => completeSpec(deps, { plan, rootfs, mountSources: sources }, op.signal),
        () => endLookup(deps, id),
      );
    // It may have been stopped meanwhile.
    assertReady(deps.sandboxes.get(pod.id));
    op.undo.keep();
    deps.rootfsMounts.set(id, rootfs);
    deps.containers.add({ ...container, user });
    log.info("Container {container} of pod {pod} is created", {
      container: container.metadata.config.metadata?.name,
      containerId: id,
      pod: podName(pod),
      sandboxId: pod.id,
    });
    return id;
  } catch (error) {
    throw await failed(deps, op, { container: asked.container, error });
  }
}

/** Where its mounts come from; those that it asks for have its label then, and it the pod's files. */
async function lookAtMounts(
  deps: CreateDeps,
  op: Operation,
  { container, pod }: Plan,
): Promise<MountSource[]> {
  const { metadata } = container;
  const sources = await op.step(
    "look at what it mounts",
    () => findSources(deps, metadata.config, op.signal),
  );
  if (deps.selinux === undefined) return sources;
  await op.step("relabel its volumes", () => relabelMounts(deps, { metadata, sources }, op.signal));
  sharePodFiles(deps, { container, pod });
  return sources;
}

function labelled(deps: CreateDeps, { container, ...plan }: Plan): Plan {
  const { id, metadata } = container;
  const processLabel = allotContainerLabel(deps, { id, config: metadata.config, pod: plan.pod });
  return { ...plan, container: { ...container, metadata: { ...metadata, processLabel } } };
}

/** Whether there is more to look for in the image than its accounts, or the spec needs more. */
function needsRootfs(deps: CreateDeps, { container, image }: Plan): boolean {
  return container.metadata.config.mounts.some(isImageMount) ||
    volumesOf(deps.settings, { container, image }).length > 0;
}

async function prepareRootfs(
  deps: CreateDeps,
  { container, pod, image }: Plan,
  signal: AbortSignal,
): Promise<Mount[]> {
  const { snapshotter, snapshotKey } = container;
  const snapshots = deps.containerd.snapshots(snapshotter);
  const labels = snapshotLabels(pod.metadata.config);
  // Let come to its end: a cancelled one may be made after it was looked for.
  const make = () => snapshots.prepare(snapshotKey, image.chainId, labels);
  return await onUnpacked(deps, { image, snapshotter, make }, signal);
}

/** The container's folder and the images that it mounts, by their places among its mounts. */
async function makeFiles(
  deps: CreateDeps,
  op: Operation,
  { plan: { container, image, pod }, signal }: { plan: Plan; signal: AbortSignal },
): Promise<Map<number, string>> {
  const { id, createdAtNs, state, metadata } = container;
  const group = rootGroup(pod.metadata.config);
  await op.step("write the checkpoint", async () => {
    await makePrivateFolder(containerDir(deps.settings, id), group);
    await makeVolumes(deps.settings, { container, image });
    await writeCheckpoint(deps.settings, id, { createdAtNs, state });
  }, () => removePath(containerDir(deps.settings, id)));
  if (!metadata.config.mounts.some(isImageMount)) return new Map();
  return await op.step(
    "mount its images",
    () =>
      mountImages(deps, { ...container, group, filesLabel: filesLabel(deps, metadata) }, signal),
    (signal) => unmountImages(deps, container, signal),
  );
}

async function completeSpec(
  deps: CreateDeps,
  { plan, rootfs, mountSources }: {
    plan: Plan;
    rootfs: Mount[];
    mountSources: readonly MountSource[];
  },
  signal: AbortSignal,
): Promise<BuiltSpec> {
  const { container, image } = plan;
  const { id } = container;
  const accounts = await withRootfs(deps, { id, rootfs }, async (root) => {
    await fillVolumes(deps, { container, image, root }, signal);
    await labelVolumes(deps, { container, image }, signal);
    return knownAccounts(deps, image) ?? await readAccounts(deps, { image, root });
  });
  const built = await buildContainerSpec(deps, specPlan(deps, plan, { accounts, mountSources }));
  const spec = { typeUrl: SPEC_TYPE, value: built.bytes };
  await deps.containerd.containers.update({ id, spec }, ["spec"], { signal });
  return built;
}

/** Takes everything back; what can't be taken back stays listed as Exited until it is removed. */
async function failed(
  deps: CreateDeps,
  op: Operation,
  { container, error }: { container: Container; error: unknown },
): Promise<unknown> {
  const leftovers = await op.undo.run();
  const failure = during(`Cannot ${op.what}`, error);
  if (leftovers.length === 0) return failure;
  failure.leftovers = leftovers;
  const { createdAtNs } = container;
  deps.containers.add({
    ...container,
    state: {
      kind: "exited",
      startedAtNs: 0n,
      finishedAtNs: createdAtNs,
      exitCode: 128,
      reason: "CreateError",
      message: failure.message,
    },
  });
  return failure;
}
