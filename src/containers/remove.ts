/** RemoveContainer: the container and everything that is left of it. */
import { during, isKind } from "../base/errors.ts";
import type { Flights } from "../base/flights.ts";
import { removePath } from "../base/gone.ts";
import type { ContainerId } from "../base/id.ts";
import { waitFor } from "../base/keyed_lock.ts";
import { logger } from "../base/log.ts";
import { Operation } from "../base/operation.ts";
import { settled } from "../base/settled.ts";
import type { Containerd } from "../containerd/client.ts";
import type { LogService } from "../logs/service.ts";
import { type Container, containerLabel } from "../state/containers.ts";
import type { SandboxStore } from "../state/sandboxes.ts";
import { containerDir, containerStateDir } from "../state/folders.ts";
import type { NameRegistry } from "../state/names.ts";
import { endLookup } from "./accounts.ts";
import type { ExitedDeps } from "./exited.ts";
import { deleteContainerRecord } from "./record.ts";
import { unmountImages } from "./image_mounts.ts";
import { clearRuntimeState, type RuntimeStateDeps } from "./runtime_state.ts";
import { releaseLevel, type SelinuxDeps } from "./selinux.ts";
import { removeSnapshot, type RootfsMounts } from "./snapshot.ts";
import { killContainer } from "./stop.ts";
import { deleteTask, endTask } from "./task.ts";

const log = logger("containers");

/** Removing has its own deadline: a caller that gave up must not leave half a container. */
const REMOVE_TIMEOUT_MS = 120_000;

export interface RemoveDeps extends ExitedDeps, RuntimeStateDeps, SelinuxDeps {
  readonly sandboxes: Pick<SandboxStore, "find">;
  readonly containerd: Pick<Containerd, "containers" | "snapshots" | "tasks">;
  readonly names: NameRegistry;
  readonly containerFlights: Flights<ContainerId>;
  readonly rootfsMounts: RootfsMounts;
  readonly linux: RuntimeStateDeps["linux"] & { unmount(target: string): void };
  readonly logs: ExitedDeps["logs"] & Pick<LogService, "close">;
}

/**
 * Removes a container, killing it first when it runs. An unknown container is success (CRI,
 * RemoveContainer).
 *
 * @throws CriError when something could not be removed; the same call again goes on from there
 */
export async function removeContainer(
  deps: RemoveDeps,
  idOrPrefix: string,
  signal: AbortSignal,
): Promise<void> {
  const container = deps.containers.resolve(idOrPrefix);
  if (container === undefined) return;
  const { id } = container;
  const own = AbortSignal.timeout(REMOVE_TIMEOUT_MS);
  const removal = killContainer(deps, id, own)
    .then(() => deps.containerLocks.run(id, own, () => removeLocked(deps, id, own)));
  await waitFor(removal, signal);
}

async function removeLocked(
  deps: RemoveDeps,
  id: ContainerId,
  signal: AbortSignal,
): Promise<void> {
  const container = deps.containers.find(id);
  if (container === undefined) return;
  const op = new Operation(`remove container ${containerLabel(container)} (${id})`, signal);
  try {
    await op.step("end its task", () => endLeftTask(deps, id, signal));
    await op.step("remove its root filesystem and files", () =>
      settled([
        removeSnapshot(deps, container, signal),
        deps.logs.close({ containerId: id }),
        endLookup(deps, id),
        unmountImages(deps, container, signal),
        removePath(containerStateDir(deps.settings, id)),
        clearRuntime(deps, container),
      ]));
    // The record and the checkpoint go together: after a crash the one without the other is a
    // container half created, and the other without the one a folder of nobody's.
    await op.step("delete its record and checkpoint", () =>
      settled([
        deleteContainerRecord(deps, id, signal),
        removePath(containerDir(deps.settings, id)),
      ]));
  } catch (error) {
    throw during(`Cannot ${op.what}`, error);
  }
  deps.containers.delete(id);
  deps.taskDeletions.delete(id);
  deps.rootfsMounts.delete(id);
  deps.names.release(id);
  releaseLevel(deps, id);
  deps.containerFlights.forget((untaken) => untaken === id);
  log.info("Container {container} is removed", {
    container: containerLabel(container),
    containerId: id,
    sandboxId: container.metadata.sandboxId,
  });
}

/** Without its pod nobody knows where its cgroup was; then it went with the pod's. */
async function clearRuntime(deps: RemoveDeps, { id, metadata }: Container): Promise<void> {
  const pod = deps.sandboxes.find(metadata.sandboxId);
  if (pod !== undefined) await clearRuntimeState(deps, { id, pod: pod.metadata });
}

/** An exited container has no task, unless its shim couldn't delete it when it ended. */
async function endLeftTask(deps: RemoveDeps, id: ContainerId, signal: AbortSignal): Promise<void> {
  const { tasks } = deps.containerd;
  if (await deps.taskDeletions.get(id) === true) return;
  try {
    await deleteTask(tasks, id, signal);
  } catch (error) {
    if (!isKind(error, "failedPrecondition")) throw error;
    await endTask(tasks, id, signal);
  }
}
