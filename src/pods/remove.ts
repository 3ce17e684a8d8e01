/** RemovePodSandbox: the pod and everything that is left of it. */
import { during } from "../base/errors.ts";
import type { Flights } from "../base/flights.ts";
import type { SandboxId } from "../base/id.ts";
import { waitFor } from "../base/keyed_lock.ts";
import { logger } from "../base/log.ts";
import { Operation } from "../base/operation.ts";
import { settled } from "../base/settled.ts";
import { removeContainer, type RemoveDeps as ContainerRemoveDeps } from "../containers/remove.ts";
import { clearRuntimeState } from "../containers/runtime_state.ts";
import { releaseLevel } from "../containers/selinux.ts";
import { removeSnapshot } from "../containers/snapshot.ts";
import { podName } from "../state/sandboxes.ts";
import { type FilesDeps, removePodFiles } from "./files.ts";
import { deleteRecord } from "./record.ts";
import { type StopDeps, stopLocked } from "./stop.ts";

const log = logger("pods");

/** Removing has its own deadline, as stopping has. */
const REMOVE_TIMEOUT_MS = 180_000;

export type RemoveDeps = StopDeps & ContainerRemoveDeps & FilesDeps & {
  readonly podFlights: Flights<SandboxId>;
};

/**
 * Removes a pod with its containers, stopping it first. An unknown pod is success (CRI,
 * RemovePodSandbox).
 *
 * @throws CriError when something could not be removed; the same call again goes on from there
 */
export async function removePodSandbox(
  deps: RemoveDeps,
  idOrPrefix: string,
  signal: AbortSignal,
): Promise<void> {
  const sandbox = deps.sandboxes.resolve(idOrPrefix);
  if (sandbox === undefined) return;
  const own = AbortSignal.timeout(REMOVE_TIMEOUT_MS);
  const removal = deps.podLocks.run(sandbox.id, own, () => removeLocked(deps, sandbox.id, own));
  await waitFor(removal, signal);
}

async function removeLocked(deps: RemoveDeps, id: SandboxId, signal: AbortSignal): Promise<void> {
  const pod = deps.sandboxes.find(id);
  if (pod === undefined) return;
  await stopLocked(deps, id, signal);
  const op = new Operation(`remove pod ${podName(pod)} (${id})`, signal);
  try {
    await op.step("remove its containers", () =>
      settled(
        deps.containers.ofPod(id).map(({ id }) => removeContainer(deps, id, signal)),
      ));
    await op.step("remove its root filesystem and files", () =>
      settled([
        removeSnapshot(deps, { snapshotter: pod.snapshotter, snapshotKey: id }, signal),
        removePodFiles(deps, id),
        clearRuntimeState(deps, { id, pod: pod.metadata }),
      ]));
    await op.step("delete its record", () => deleteRecord(deps, id, signal));
  } catch (error) {
    throw during(`Cannot ${op.what}`, error);
  }
  deps.names.release(id);
  releaseLevel(deps, id);
  deps.podFlights.forget((untaken) => untaken === id);
  log.info("Pod {pod} is removed", { pod: podName(pod), sandboxId: id });
}
