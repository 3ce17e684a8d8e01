/** The pod's own process has ended, killed from outside: the pod is no longer ready. */
import type { SandboxId } from "../base/id.ts";
import type { KeyedLock } from "../base/keyed_lock.ts";
import { logger } from "../base/log.ts";
import type { Containerd } from "../containerd/client.ts";
import { deleteTask } from "../containers/task.ts";
import { podName, type SandboxStore } from "../state/sandboxes.ts";

const log = logger("pods");

/** A shim that doesn't delete its task by then is left to StopPodSandbox. */
const EXIT_TIMEOUT_MS = 30_000;

export interface ExitedDeps {
  readonly containerd: Pick<Containerd, "tasks">;
  readonly sandboxes: SandboxStore;
  readonly podLocks: KeyedLock<SandboxId>;
}

/**
 * Marks a pod NotReady. Its task is deleted at once, so that its shim doesn't stay; its network
 * stays until StopPodSandbox, which the kubelet calls next.
 */
export async function podExited(deps: ExitedDeps, id: SandboxId): Promise<void> {
  const signal = AbortSignal.timeout(EXIT_TIMEOUT_MS);
  await deps.podLocks.run(id, signal, async () => {
    const pod = deps.sandboxes.find(id);
    if (pod?.state.kind !== "ready") return;
    deps.sandboxes.update(id, { state: { kind: "notReady", released: false } });
    log.warn("Pod {pod} ended: its own process was killed", { pod: podName(pod), sandboxId: id });
    await deleteTask(deps.containerd.tasks, id, signal);
  });
}
