/**
 * Step 7 of 7: a created container runs.
 *
 *   1  open its stdio, with the log writer on it        undo: close it
 *   2  create the task                                  undo: end the task
 *   3  start it, and write the checkpoint meanwhile
 *   ·  publish: Running
 *
 * A container that can't be started is Exited with reason StartError, as the kubelet expects.
 */
import { both } from "../base/both.ts";
import { CriError, during } from "../base/errors.ts";
import type { ContainerId } from "../base/id.ts";
import { type KeyedLock, waitFor } from "../base/keyed_lock.ts";
import { logger } from "../base/log.ts";
import { Operation } from "../base/operation.ts";
import { settled } from "../base/settled.ts";
import type { Containerd } from "../containerd/client.ts";
import type { Mount } from "../containerd/mount.ts";
import type { LogService } from "../logs/service.ts";
import { inContext } from "../oci/selinux.ts";
import { type Container, containerLabel, type ContainerStore } from "../state/containers.ts";
import { stdioDir } from "../state/folders.ts";
import {
  assertReady,
  podName,
  type PodStarts,
  type Sandbox,
  type SandboxStore,
  startEnded,
} from "../state/sandboxes.ts";
import type { Settings } from "../state/settings.ts";
import type { ContainerState } from "../state/status.ts";
import { writeCheckpoint } from "./checkpoints.ts";
import { filesLabel, type SelinuxDeps } from "./selinux.ts";
import type { RootfsMounts } from "./snapshot.ts";
import { clearRuntimeState, type RuntimeStateDeps } from "./runtime_state.ts";
import { endTask } from "./task.ts";

const log = logger("containers");

/** The exit code of a container whose program could not be started. */
const START_ERROR_CODE = 128;

export interface StartDeps extends RuntimeStateDeps, SelinuxDeps {
  readonly containerd: Pick<Containerd, "tasks" | "snapshots">;
  readonly containers: ContainerStore;
  readonly sandboxes: SandboxStore;
  readonly podStarts: PodStarts;
  readonly logs: Pick<LogService, "open" | "attached" | "close">;
  readonly containerLocks: KeyedLock<ContainerId>;
  readonly rootfsMounts: RootfsMounts;
  readonly settings: Settings;
  nowNs(): bigint;
}

/**
 * Starts a created container, once its pod's own process has started.
 *
 * @throws CriError notFound, failedPrecondition when it is not in the state Created or its pod is
 *   not ready, and what the steps throw
 */
export async function startContainer(
  deps: StartDeps,
  idOrPrefix: string,
  signal: AbortSignal,
): Promise<void> {
  const { id } = deps.containers.get(idOrPrefix);
  await deps.containerLocks.run(id, signal, async () => {
    const container = deps.containers.get(id);
    const { sandboxId } = container.metadata;
    await waitFor(startEnded(deps, sandboxId), signal);
    const pod = deps.sandboxes.get(sandboxId);
    const what = `start container ${containerLabel(container)} (${id}) of pod ${podName(pod)}`;
    check(container, { pod, what });
    const op = new Operation(what, signal);
    await start(deps, op, { container, pod });
  });
}

function check(container: Container, { pod, what }: { pod: Sandbox; what: string }): void {
  if (container.state.kind !== "created") {
    throw new CriError("failedPrecondition", `Cannot ${what}: it is ${container.state.kind}`, {
      remedy: "only a created container can be started",
    });
  }
  assertReady(pod, what);
}

async function start(
  deps: StartDeps,
  op: Operation,
  { container, pod }: { container: Container; pod: Sandbox },
): Promise<void> {
  const { id, createdAtNs } = container;
  try {
    const [stdio, rootfs] = await op.step(
      "open the log and find the root filesystem",
      () =>
        both(
          op.signal,
          () => openStdio(deps, container),
          (signal) => rootfsOf(deps, container, signal),
        ),
      () => deps.logs.close({ containerId: id }),
    );
    const pid = await op.step(
      "create the task",
      // Not given up half way: see createSandboxTask.
      () => deps.containerd.tasks.create({ id, rootfs, ...stdio }),
      async (signal) => {
        await endTask(deps.containerd.tasks, id, signal);
        await clearRuntimeState(deps, { id, pod: pod.metadata });
      },
    );
    // Written before it is true: after a crash the task is asked whether it came to that.
    const state: ContainerState = { kind: "running", pid, startedAtNs: deps.nowNs() };
    await op.step("start the task and write the checkpoint", () =>
      settled<unknown>([
        deps.containerd.tasks.start(id),
        deps.logs.attached({ containerId: id }),
        writeCheckpoint(deps.settings, id, { createdAtNs, state }),
      ]));
    op.undo.keep();
    deps.rootfsMounts.delete(id);
    deps.containers.update(id, { state });
    log.info("Container {container} of pod {pod} is running", {
      container: containerLabel(container),
      containerId: id,
      pod: podName(pod),
      pid,
    });
  } catch (error) {
    throw await failed(deps, op, { container, error });
  }
}

async function rootfsOf(
  deps: StartDeps,
  container: Container,
  signal: AbortSignal,
): Promise<Mount[]> {
  const { snapshotter, snapshotKey, metadata } = container;
  const mounts = deps.rootfsMounts.get(container.id) ??
    await deps.containerd.snapshots(snapshotter).mounts(snapshotKey, { signal });
  return inContext(mounts, filesLabel(deps, metadata));
}

async function openStdio(deps: StartDeps, { id, metadata }: Container) {
  const { config, logPath } = metadata;
  const stdio = await deps.logs.open({
    containerId: id,
    dir: stdioDir(deps.settings, id),
    logPath,
    terminal: config.tty,
    stdin: config.stdin,
    maxLineBytes: deps.settings.maxLogLineBytes,
    resume: false,
  });
  return { ...stdio, terminal: config.tty };
}

async function failed(
  deps: StartDeps,
  op: Operation,
  { container, error }: { container: Container; error: unknown },
): Promise<unknown> {
  const { id, createdAtNs } = container;
  const leftovers = await op.undo.run();
  const failure = during(`Cannot ${op.what}`, error);
  failure.leftovers = leftovers;
  // A caller that went away may try again; a program that can't be started never will.
  if (op.signal.aborted && leftovers.length === 0) {
    await writeCheckpoint(deps.settings, id, { createdAtNs, state: container.state });
    return failure;
  }
  const state: ContainerState = {
    kind: "exited",
    startedAtNs: 0n,
    finishedAtNs: deps.nowNs(),
    exitCode: START_ERROR_CODE,
    reason: "StartError",
    message: failure.message,
  };
  await writeCheckpoint(deps.settings, id, { createdAtNs, state });
  deps.containers.update(id, { state });
  return failure;
}
