/** UpdateContainerResources: other limits for a container, in its record and in what runs. */
import { CriError, during, isKind } from "../base/errors.ts";
import type { ContainerId } from "../base/id.ts";
import type { KeyedLock } from "../base/keyed_lock.ts";
import { logger } from "../base/log.ts";
import type { Containerd } from "../containerd/client.ts";
import type { ContainerRecord } from "../containerd/containers.ts";
import type { LinuxContainerResources } from "../gen/cri/v1/api.ts";
import { toLinuxResources } from "../oci/resources.ts";
import type { HostFacts } from "../oci/input.ts";
import { mergeResources, type UpdatedSpec, updateSpec } from "../oci/update.ts";
import { type Container, containerLabel, type ContainerStore } from "../state/containers.ts";
import { parseGoJson } from "../state/go_json.ts";
import {
  CONTAINER_METADATA,
  CONTAINER_METADATA_TYPE,
  RESOURCES_TYPE,
  SPEC_TYPE,
} from "../state/labels.ts";
import { type ContainerMetadata, encodeContainerMetadata } from "../state/metadata.ts";

const log = logger("containers");

/** Taking a change back has its own deadline: the caller may be the reason why it failed. */
const RESTORE_TIMEOUT_MS = 10_000;

export interface UpdateDeps {
  readonly containerd: Pick<Containerd, "containers" | "tasks">;
  readonly containers: ContainerStore;
  readonly containerLocks: KeyedLock<ContainerId>;
  readonly host: HostFacts;
}

/**
 * Changes the limits of a created or running container. The record comes first, so that what runs
 * never has limits that the record doesn't know of; a runtime that refuses them gets the record's
 * old ones back.
 *
 * @throws CriError notFound, invalidArgument for limits that can't be, failedPrecondition for a
 *   container that has ended, and as the runtime refuses them
 */
export async function updateContainerResources(
  deps: UpdateDeps,
  { idOrPrefix, resources }: { idOrPrefix: string; resources: LinuxContainerResources },
  signal: AbortSignal,
): Promise<void> {
  const { id } = deps.containers.get(idOrPrefix);
  await deps.containerLocks.run(id, signal, async () => {
    const container = deps.containers.get(id);
    const what = `update the resources of container ${containerLabel(container)} (${id})`;
    const { kind } = container.state;
    if (kind !== "created" && kind !== "running") {
      throw new CriError("failedPrecondition", `Cannot ${what}: it is ${kind}`, {
        remedy: "only a created or running container has limits to change",
      });
    }
    const metadata = withResources(container.metadata, resources);
    const changed = toLinuxResources(metadata.config.linux?.resources, deps.host, "linux");
    try {
      await update(deps, { container, metadata, changed }, signal);
    } catch (error) {
      throw during(`Cannot ${what}`, error);
    }
    deps.containers.update(id, { metadata });
    log.info("Container {container} has other limits", {
      container: containerLabel(container),
      containerId: id,
    });
  });
}

function withResources(
  metadata: ContainerMetadata,
  change: LinuxContainerResources,
): ContainerMetadata {
  const { config } = metadata;
  const resources = mergeResources(config.linux?.resources, change);
  const linux = { securityContext: undefined, ...config.linux, resources };
  return { ...metadata, config: { ...config, linux } };
}

interface Change {
  readonly container: Container;
  readonly metadata: ContainerMetadata;
  readonly changed: ReturnType<typeof toLinuxResources>;
}

async function update(
  deps: UpdateDeps,
  { container, metadata, changed }: Change,
  signal: AbortSignal,
): Promise<void> {
  const { id, state } = container;
  const record = await deps.containerd.containers.get(id, { signal });
  const updated = updateSpec(storedSpec(record), changed);
  await writeRecord(deps, { metadata, spec: updated.spec }, signal);
  if (state.kind !== "running") return;
  try {
    await updateTask(deps, { id, updated }, signal);
  } catch (error) {
    const spec = record.spec?.value ?? new Uint8Array();
    const own = AbortSignal.timeout(RESTORE_TIMEOUT_MS);
    await writeRecord(deps, { metadata: container.metadata, spec }, own);
    throw error;
  }
}

function storedSpec({ spec }: ContainerRecord): unknown {
  try {
    return parseGoJson(new TextDecoder().decode(spec?.value));
  } catch (cause) {
    throw new CriError("internal", "The stored runtime spec can't be read", { cause });
  }
}

async function writeRecord(
  { containerd }: UpdateDeps,
  { metadata, spec }: { metadata: ContainerMetadata; spec: Uint8Array },
  signal: AbortSignal,
): Promise<void> {
  const value = encodeContainerMetadata(metadata);
  await containerd.containers.update(
    {
      id: metadata.id,
      spec: { typeUrl: SPEC_TYPE, value: spec },
      extensions: new Map([[CONTAINER_METADATA, { typeUrl: CONTAINER_METADATA_TYPE, value }]]),
    },
    ["spec", `extensions.${CONTAINER_METADATA}`],
    { signal },
  );
}

async function updateTask(
  { containerd }: UpdateDeps,
  { id, updated }: { id: ContainerId; updated: UpdatedSpec },
  signal: AbortSignal,
): Promise<void> {
  const resources = { typeUrl: RESOURCES_TYPE, value: updated.resources };
  try {
    await containerd.tasks.update(id, resources, { signal });
  } catch (error) {
    // The kubelet takes a container as removed when it reads notFound.
    if (!isKind(error, "notFound")) throw error;
    throw new CriError("failedPrecondition", "it ended meanwhile", { cause: error });
  }
}
