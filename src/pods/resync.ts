/** Asks every ready pod's task whether it runs, for ends that no event told. */
import { findTask } from "../containers/task.ts";
import { type ExitedDeps, podExited } from "./exited.ts";

export async function resyncPods(deps: ExitedDeps, signal: AbortSignal): Promise<void> {
  const ready = [...deps.sandboxes.values()].filter(({ state }) => state.kind === "ready");
  await Promise.all(ready.map(async ({ id }) => {
    const task = await findTask(deps.containerd.tasks, id, signal);
    if (task === "silent") return;
    if (task === "none" || task.status === "stopped") await podExited(deps, id);
  }));
}
