/**
 * A container's process has ended: its log is completed, its exit recorded. Its task is deleted
 * meanwhile, for which nobody has to wait who wants to know that the container has ended.
 */
import type { ContainerId } from "../base/id.ts";
import type { KeyedLock } from "../base/keyed_lock.ts";
import { logger } from "../base/log.ts";
import { settled } from "../base/settled.ts";
import type { Containerd } from "../containerd/client.ts";
import type { Exit } from "../containerd/tasks.ts";
import type { LogService } from "../logs/service.ts";
import { type Container, containerLabel, type ContainerStore } from "../state/containers.ts";
import type { Settings } from "../state/settings.ts";
import { type ExitedState, exitReason } from "../state/status.ts";
import { writeCheckpoint } from "./checkpoints.ts";
import { type OomDeps, wasOomKilled } from "./oom.ts";
import { deleteTask, type TaskDeletions } from "./task.ts";

const log = logger("containers");

/** Children of the process may hold its stdio open for ever; their output is cut off then. */
const DRAIN_TIMEOUT_MS = 10_000;

/** How kubelets know an exit that nobody saw. */
const UNSEEN = {
  exitCode: 255,
  reason: "ContainerStatusUnknown",
  message: "It ended while the daemon or containerd was away, and nobody saw how",
};

/** An exit is recorded whatever its shim does; a task left behind goes with the container. */
const EXIT_TIMEOUT_MS = 60_000;

export interface ExitedDeps extends OomDeps {
  readonly containerd: Pick<Containerd, "tasks">;
  readonly containers: ContainerStore;
  readonly logs: Pick<LogService, "drained">;
  readonly containerLocks: KeyedLock<ContainerId>;
  readonly taskDeletions: TaskDeletions;
  readonly settings: Settings;
  nowNs(): bigint;
}

/**
 * Records the exit of a running container. Told twice, by an event and by a stop, it is done once;
 * whoever waits for it finds the container Exited and its log complete.
 */
export async function containerExited(
  deps: ExitedDeps,
  id: ContainerId,
  exit: Exit | "unseen",
): Promise<void> {
  const signal = AbortSignal.timeout(EXIT_TIMEOUT_MS);
  await deps.containerLocks.run(id, signal, async () => {
    const container = deps.containers.find(id);
    if (container === undefined) return;
    if (container.state.kind !== "running" && container.state.kind !== "unknown") return;
    // The cgroup that tells it goes with the task.
    const isOom = exit !== "unseen" && wasOomKilled(deps, container, exit.exitCode);
    // The shim closes the FIFOs when the process has ended, or when its task is deleted if children
    // of it hold them.
    deps.taskDeletions.set(id, deleteEndedTask(deps, container, signal));
    const { createdAtNs } = container;
    const state = exitedState(deps, container, { exit, isOom });
    await settled([
      drainLog(deps, container),
      writeCheckpoint(deps.settings, id, { createdAtNs, state }),
    ]);
    deps.oomKilled.delete(id);
    deps.containers.update(id, { state });
    log.info("Container {container} exited with {exitCode}", {
      container: containerLabel(container),
      containerId: id,
      sandboxId: container.metadata.sandboxId,
      exitCode: state.exitCode,
      reason: state.reason,
    });
  });
}

async function deleteEndedTask(
  deps: ExitedDeps,
  container: Container,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await deleteTask(deps.containerd.tasks, container.id, signal);
    return true;
  } catch (error) {
    log.warn("Cannot delete the task of container {container} yet: {error}", {
      container: containerLabel(container),
      containerId: container.id,
      error,
    });
    return false;
  }
}

async function drainLog(deps: ExitedDeps, container: Container): Promise<void> {
  const { id } = container;
  try {
    const drained = await deps.logs.drained({
      containerId: id,
      timeoutMs: DRAIN_TIMEOUT_MS,
      close: true,
    });
    if (!drained.complete) {
      log.warn("Container {container} left processes that hold its output open", {
        container: containerLabel(container),
        containerId: id,
      });
    }
  } catch (error) {
    log.error("Cannot complete the log of container {container}: {error}", {
      container: containerLabel(container),
      containerId: id,
      error,
    });
  }
}

function exitedState(
  deps: ExitedDeps,
  { state }: Container,
  { exit, isOom }: { exit: Exit | "unseen"; isOom: boolean },
): ExitedState {
  const startedAtNs = state.kind === "running" || state.kind === "unknown" ? state.startedAtNs : 0n;
  if (exit === "unseen") return unseenExit(deps, startedAtNs);
  return {
    kind: "exited",
    startedAtNs,
    finishedAtNs: exit.exitedAtNs,
    exitCode: exit.exitCode,
    reason: exitReason(exit.exitCode, isOom),
    message: "",
  };
}

/** The state of a container that has ended, and nobody knows how or when. */
export function unseenExit(deps: Pick<ExitedDeps, "nowNs">, startedAtNs: bigint): ExitedState {
  return { kind: "exited", startedAtNs, finishedAtNs: deps.nowNs(), ...UNSEEN };
}
