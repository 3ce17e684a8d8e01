/** StopPodSandbox: ends what runs in the pod and gives its network back. */
import { during } from "../base/errors.ts";
import { Operation } from "../base/operation.ts";
import type { SandboxId } from "../base/id.ts";
import { type KeyedLock, waitFor } from "../base/keyed_lock.ts";
import { logger } from "../base/log.ts";
import { settled } from "../base/settled.ts";
import { killContainer, type StopDeps as ContainerStopDeps } from "../containers/stop.ts";
import { deleteTask, killTask } from "../containers/task.ts";
import { podName, type Sandbox, type SandboxStore } from "../state/sandboxes.ts";
import { sandboxShmDir } from "../state/folders.ts";
import type { Settings } from "../state/settings.ts";
import { detachNetwork, type NetworkDeps } from "./network.ts";

const log = logger("pods");

/** Stopping has its own deadline: a caller that gave up must not leave a pod half detached. */
const STOP_TIMEOUT_MS = 120_000;

export type StopDeps = ContainerStopDeps & NetworkDeps & {
  readonly sandboxes: SandboxStore;
  readonly podLocks: KeyedLock<SandboxId>;
  readonly settings: Settings;
  readonly linux: { unpinNetns(path: string): void; unmount(target: string): void };
};

/**
 * Stops a pod. A pod that is unknown or stopped already is success (CRI, StopPodSandbox).
 *
 * @throws CriError when something could not be stopped; the same call again goes on from there
 */
export async function stopPodSandbox(
  deps: StopDeps,
  idOrPrefix: string,
  signal: AbortSignal,
): Promise<void> {
  const sandbox = deps.sandboxes.resolve(idOrPrefix);
  if (sandbox === undefined) return;
  const own = AbortSignal.timeout(STOP_TIMEOUT_MS);
  await waitFor(
    deps.podLocks.run(sandbox.id, own, () => stopLocked(deps, sandbox.id, own)),
    signal,
  );
}

/** The same, for a caller that holds the pod's lock. */
export async function stopLocked(
  deps: StopDeps,
  id: SandboxId,
  signal: AbortSignal,
): Promise<void> {
  const pod = deps.sandboxes.find(id);
  if (pod === undefined || (pod.state.kind === "notReady" && pod.state.released)) return;
  const op = new Operation(`stop pod ${podName(pod)} (${id})`, signal);
  try {
    await op.step("stop its containers", () =>
      settled(
        deps.containers.ofPod(id).map((container) => killContainer(deps, container.id, signal)),
      ));
    await settled<unknown>([
      // What takes longest goes first.
      op.step("detach the network", () => release(deps, pod, signal)),
      op.step("end the sandbox's task", () => endSandbox(deps, id, signal)),
    ]);
  } catch (error) {
    throw during(`Cannot ${op.what}`, error);
  }
  deps.linux.unmount(sandboxShmDir(deps.settings, id));
  deps.sandboxes.update(id, { state: { kind: "notReady", released: true }, leftovers: [] });
  log.info("Pod {pod} is stopped", { pod: podName(pod), sandboxId: id });
}

/** The shim ends with the pod's own task, so those of its containers go first. */
async function endSandbox(deps: StopDeps, id: SandboxId, signal: AbortSignal): Promise<void> {
  const { tasks } = deps.containerd;
  await killTask(tasks, id, signal);
  await Promise.all(deps.containers.ofPod(id).map(({ id }) => deps.taskDeletions.get(id)));
  await deleteTask(tasks, id, signal);
}

/** The namespace goes only after CNI has given the addresses back: DEL needs it. */
async function release(deps: StopDeps, pod: Sandbox, signal: AbortSignal): Promise<void> {
  if (pod.metadata.netnsPath === "") return;
  await detachNetwork(deps, pod.metadata, signal);
  deps.linux.unpinNetns(pod.metadata.netnsPath);
}
