/** Step 2d of 7: the pod's own process, started while the caller goes on to its containers. */
import { during } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { Operation } from "../base/operation.ts";
import type { Containerd } from "../containerd/client.ts";
import { endTask } from "../containers/task.ts";
import { podName, type PodStarts, type Sandbox, type SandboxStore } from "../state/sandboxes.ts";

const log = logger("pods");

/** It has a deadline of its own: the call that made the pod is over. */
const START_TIMEOUT_MS = 60_000;

export interface StartDeps {
  readonly containerd: Pick<Containerd, "tasks">;
  readonly sandboxes: SandboxStore;
  readonly podStarts: PodStarts;
}

/**
 * Starts the created task of a pod that is ready. A pod whose process can't be started is not ready
 * any more, as if the process had ended: Stop and Remove take the rest of it back.
 */
export function startSandbox(deps: StartDeps, pod: Sandbox): void {
  const { id } = pod;
  const started = start(deps, pod).finally(() => deps.podStarts.delete(id));
  deps.podStarts.set(id, started);
}

async function start(deps: StartDeps, pod: Sandbox): Promise<void> {
  const { id } = pod;
  const { tasks } = deps.containerd;
  const signal = AbortSignal.timeout(START_TIMEOUT_MS);
  const op = new Operation(`run pod ${podName(pod)} (${id})`, signal);
  try {
    await op.step(
      "start the sandbox's task",
      () => tasks.start(id),
      async (signal) => void await endTask(tasks, id, signal),
    );
  } catch (error) {
    const { message: reason } = during(`Cannot ${op.what}`, error);
    deps.sandboxes.update(id, { state: { kind: "notReady", released: false, reason } });
    const leftovers = await op.undo.run();
    deps.sandboxes.update(id, { leftovers });
    log.error("Pod {pod} is not ready: {reason}", {
      pod: podName(pod),
      sandboxId: id,
      reason,
      leftovers,
    });
  }
}
