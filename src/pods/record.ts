/** Step 2a of 7: the pod's record in containerd, made before anything that could leak. */
import { unlessGone } from "../base/gone.ts";
import type { SandboxId } from "../base/id.ts";
import type { Containerd } from "../containerd/client.ts";
import { recordedRuntime } from "../containers/user_namespace.ts";
import type { Image } from "../images/image.ts";
import {
  KIND_SANDBOX,
  recordLabels,
  SANDBOX_METADATA,
  SANDBOX_METADATA_TYPE,
  SPEC_TYPE,
} from "../state/labels.ts";
import { encodeSandboxMetadata, type SandboxMetadata } from "../state/metadata.ts";
import type { Sandbox, SandboxStore } from "../state/sandboxes.ts";
import { runtimeFor, type Settings } from "../state/settings.ts";
import { encodeSandboxSpec, type SpecDeps } from "./spec.ts";

export interface MetadataDeps {
  readonly containerd: Pick<Containerd, "containers">;
}

export interface RecordDeps extends SpecDeps, MetadataDeps {
  readonly sandboxes: SandboxStore;
  readonly settings: Settings;
}

/** Records the pod in containerd and in memory, pending. Undone by {@link deleteRecord}. */
export async function recordPod(
  deps: RecordDeps,
  { pod, image }: { pod: Sandbox; image: Image },
  signal: AbortSignal,
): Promise<void> {
  const { id, metadata } = pod;
  const runtime = runtimeFor(deps.settings, metadata.runtimeHandler);
  const spec = await encodeSandboxSpec(deps, { pod, image });
  deps.sandboxes.add(pod);
  const record = await deps.containerd.containers.create({
    id,
    labels: recordLabels(KIND_SANDBOX, metadata.config.labels, image.config.labels),
    image: image.names[0] ?? "",
    runtime: recordedRuntime(runtime, metadata.config),
    spec: { typeUrl: SPEC_TYPE, value: spec },
    snapshotter: pod.snapshotter,
    snapshotKey: id,
    extensions: extensions(metadata),
  }, { signal });
  deps.sandboxes.update(id, { createdAtNs: record.createdAtNs });
}

/** Writes changed metadata into the record. */
export async function writeMetadata(
  deps: MetadataDeps,
  metadata: SandboxMetadata,
  signal: AbortSignal,
): Promise<void> {
  await deps.containerd.containers.update(
    { id: metadata.id, extensions: extensions(metadata) },
    [`extensions.${SANDBOX_METADATA}`],
    { signal },
  );
}

/** Deletes the record, in containerd and then in memory; gone is done. */
export async function deleteRecord(
  deps: Pick<RecordDeps, "containerd" | "sandboxes">,
  id: SandboxId,
  signal: AbortSignal,
): Promise<void> {
  await unlessGone(deps.containerd.containers.delete(id, { signal }));
  deps.sandboxes.delete(id);
}

function extensions(metadata: SandboxMetadata) {
  const value = encodeSandboxMetadata(metadata);
  return new Map([[SANDBOX_METADATA, { typeUrl: SANDBOX_METADATA_TYPE, value }]]);
}
