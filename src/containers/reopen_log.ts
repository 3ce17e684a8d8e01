/** ReopenContainerLog: the kubelet has renamed the log file, and a new one is begun. */
import { CriError } from "../base/errors.ts";
import type { LogService } from "../logs/service.ts";
import { containerLabel, type ContainerStore } from "../state/containers.ts";

export interface ReopenDeps {
  readonly containers: ContainerStore;
  readonly logs: Pick<LogService, "reopen">;
}

/** @throws CriError notFound, failedPrecondition when the container doesn't run */
export async function reopenContainerLog(deps: ReopenDeps, idOrPrefix: string): Promise<void> {
  const container = deps.containers.get(idOrPrefix);
  if (container.state.kind !== "running") {
    throw new CriError(
      "failedPrecondition",
      `Container ${containerLabel(container)} (${container.id}) is ${container.state.kind}: ` +
        "only a running container's log is written to",
    );
  }
  await deps.logs.reopen({ containerId: container.id });
}
