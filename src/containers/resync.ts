/** Asks every task that should run whether it does, for exits that no event told. */
import type { Containerd } from "../containerd/client.ts";
import { containerExited, type ExitedDeps } from "./exited.ts";
import { findTask } from "./task.ts";

export type ResyncDeps = ExitedDeps & { readonly containerd: Pick<Containerd, "tasks"> };

/** Records the exits that were missed. A shim that doesn't answer leaves its container as it is. */
export async function resyncContainers(deps: ResyncDeps, signal: AbortSignal): Promise<void> {
  const running = [...deps.containers.values()].filter(({ state }) =>
    state.kind === "running" || state.kind === "unknown"
  );
  await Promise.all(running.map(async ({ id }) => {
    const task = await findTask(deps.containerd.tasks, id, signal);
    if (task === "silent") return;
    if (task === "none") {
      await containerExited(deps, id, "unseen");
    } else if (task.status === "stopped") {
      await containerExited(deps, id, task);
    }
  }));
}
