/** Step 6 of 7: the container's record in containerd. */
import { unlessGone } from "../base/gone.ts";
import type { ContainerId } from "../base/id.ts";
import type { Containerd } from "../containerd/client.ts";
import {
  CONTAINER_METADATA,
  CONTAINER_METADATA_TYPE,
  KIND_CONTAINER,
  recordLabels,
  SPEC_TYPE,
} from "../state/labels.ts";
import { encodeContainerMetadata } from "../state/metadata.ts";
import type { Plan } from "./plan.ts";
import { recordedRuntime } from "./user_namespace.ts";

export interface RecordDeps {
  readonly containerd: Pick<Containerd, "containers">;
}

/** Stands in until the user is known. */
export const EMPTY_SPEC = new TextEncoder().encode("{}");

/** Records the container. Undone by {@link deleteContainerRecord}. */
export async function recordContainer(
  deps: RecordDeps,
  { container, pod, image, runtime, spec }: Plan & { spec: Uint8Array },
  signal: AbortSignal,
): Promise<void> {
  const value = encodeContainerMetadata(container.metadata);
  const extension = { typeUrl: CONTAINER_METADATA_TYPE, value };
  await deps.containerd.containers.create({
    id: container.id,
    labels: recordLabels(KIND_CONTAINER, container.metadata.config.labels, image.config.labels),
    image: image.names[0] ?? "",
    runtime: recordedRuntime(runtime, pod.metadata.config),
    spec: { typeUrl: SPEC_TYPE, value: spec },
    snapshotter: container.snapshotter,
    snapshotKey: container.snapshotKey,
    extensions: new Map([[CONTAINER_METADATA, extension]]),
  }, { signal });
}

/** Deletes a container's record in containerd; gone is done. */
export async function deleteContainerRecord(
  deps: RecordDeps,
  id: ContainerId,
  signal: AbortSignal,
): Promise<void> {
  await unlessGone(deps.containerd.containers.delete(id, { signal }));
}
