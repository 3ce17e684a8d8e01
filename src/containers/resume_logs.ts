/**
 * Goes on with the logs of all containers after the compartment that wrote them has died: their
 * FIFOs hold what was written meanwhile, and a container whose FIFO is full stands still.
 */
import { logger } from "../base/log.ts";
import type { ContainerId } from "../base/id.ts";
import { type RecoverDeps, resumeLog } from "./recover.ts";
import { findTask } from "./task.ts";

const log = logger("containers");

/** One after the other for each container: what is started or ends just now comes first or after. */
export async function resumeLogs(deps: RecoverDeps, signal: AbortSignal): Promise<void> {
  const mayRun = [...deps.containers.values()].filter(({ state }) => state.kind !== "exited");
  await Promise.all(mayRun.map(({ id }) => resume(deps, id, signal)));
}

async function resume(deps: RecoverDeps, id: ContainerId, signal: AbortSignal): Promise<void> {
  try {
    await deps.containerLocks.run(id, signal, async () => {
      const container = deps.containers.find(id);
      if (container?.state.kind !== "running" && container?.state.kind !== "unknown") return;
      await resumeLog(deps, container, await findTask(deps.containerd.tasks, id, signal));
    });
  } catch (error) {
    if (signal.aborted) return;
    log.error("The log of container {containerId} was not gone on with: {error}", {
      containerId: id,
      error,
    });
  }
}
