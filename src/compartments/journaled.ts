/** The logs of containers with journald beside them, where the configuration wants it. */
import type { LogService } from "../logs/service.ts";
import type { JournalOptions } from "../logs/journal.ts";
import type { ContainerStore } from "../state/containers.ts";
import type { SandboxStore } from "../state/sandboxes.ts";
import type { Remote } from "./channel.ts";

export interface JournaledDeps {
  readonly containers: Pick<ContainerStore, "find">;
  readonly sandboxes: Pick<SandboxStore, "find">;
  datagramSocket(): number;
}

/** Adds to each container's streams where in the journal they go; one socket serves them all. */
export function journaled<S extends Pick<Remote<LogService>, "open">>(
  logs: S,
  deps: JournaledDeps,
): S {
  let fd: number | undefined;
  const journalOf = (containerId: string): JournalOptions => {
    const container = deps.containers.find(containerId)?.metadata;
    const pod = container && deps.sandboxes.find(container.sandboxId)?.metadata.config.metadata;
    return {
      fd: fd ??= deps.datagramSocket(),
      containerId,
      container: container?.config.metadata?.name ?? "",
      pod: pod?.name ?? "",
      namespace: pod?.namespace ?? "",
    };
  };
  const open: Remote<LogService>["open"] = (o, options) =>
    logs.open({ ...o, journal: journalOf(o.containerId) }, options);
  return new Proxy(logs, {
    get: (target, name) => name === "open" ? open : Reflect.get(target, name),
  });
}
