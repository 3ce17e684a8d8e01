/**
 * Containers after a start of this daemon, from three sources: the record (what it is), the
 * checkpoint (what this daemon last knew) and the task (what is true now).
 *
 *   task      checkpoint   state
 *   running   any          running; its log goes on
 *   stopped   any          exited as the task says; its log is completed, its task deleted
 *   none      exited       exited as the checkpoint says
 *   none      running      exited, and nobody knows how: 255, ContainerStatusUnknown
 *   none      created      created
 *   none      none         half created: exited, so that it is removed
 *   silent    any          unknown: its shim doesn't answer
 */
import { logger } from "../base/log.ts";
import type { ContainerId } from "../base/id.ts";
import { pause } from "../base/pause.ts";
import type { Containerd } from "../containerd/client.ts";
import type { ContainerRecord } from "../containerd/containers.ts";
import type { Exit } from "../containerd/tasks.ts";
import type { LogService, StdioPaths } from "../logs/service.ts";
import type { Checkpoint } from "../state/checkpoint.ts";
import type { Container, ContainerStore } from "../state/containers.ts";
import { stdioDir } from "../state/folders.ts";
import { CONTAINER_METADATA, KIND, KIND_CONTAINER } from "../state/labels.ts";
import { type ContainerMetadata, decodeContainerMetadata } from "../state/metadata.ts";
import type { NameRegistry } from "../state/names.ts";
import type { Settings } from "../state/settings.ts";
import type { ContainerState } from "../state/status.ts";
import { readCheckpoint, writeCheckpoint } from "./checkpoints.ts";
import { endCheckpoint } from "./checkpoint.ts";
import { containerExited, type ExitedDeps, unseenExit } from "./exited.ts";
import { type SelinuxDeps, takeLevel } from "./selinux.ts";
import { userOfSpec } from "./spec.ts";
import { findTask, type FoundTask } from "./task.ts";

const log = logger("containers");

/** So long recovery waits for the end of a container to be recorded. */
const EXIT_WAIT_MS = 5_000;

export interface RecoverDeps extends ExitedDeps, SelinuxDeps {
  readonly containerd: Pick<Containerd, "containers" | "tasks">;
  readonly containers: ContainerStore;
  readonly logs: ExitedDeps["logs"] & Pick<LogService, "open" | "attached">;
  readonly names: NameRegistry;
  readonly settings: Settings;
  nowNs(): bigint;
}

/**
 * Fills the store from containerd and goes on with the logs. Known containers stay as they are.
 *
 * @returns ids of the records that are set aside
 */
export async function recoverContainers(
  deps: RecoverDeps,
  signal: AbortSignal,
): Promise<string[]> {
  const filter = `labels.${JSON.stringify(KIND)}==${KIND_CONTAINER}`;
  const containers: Promise<void>[] = [];
  const setAside: string[] = [];
  for await (const record of deps.containerd.containers.list([filter], { signal })) {
    const metadata = readMetadata(record);
    if (metadata === undefined) setAside.push(record.id);
    if (metadata === undefined || deps.containers.find(metadata.id) !== undefined) continue;
    containers.push(recoverContainer(deps, { record, metadata }, signal));
  }
  await Promise.all(containers);
  return setAside;
}

/** One broken record is set aside and reported, never a reason not to start. */
function readMetadata(record: ContainerRecord): ContainerMetadata | undefined {
  const extension = record.extensions.get(CONTAINER_METADATA);
  try {
    if (extension === undefined) throw new Error(`there is no extension ${CONTAINER_METADATA}`);
    const metadata = decodeContainerMetadata(extension.value);
    if (metadata.id !== record.id) throw new Error(`it says it is ${metadata.id}`);
    return metadata;
  } catch (error) {
    log.error(
      "The record of container {containerId} is left out: {error}; when nothing of it is wanted, " +
        "remove it with: ctr -n k8s.io containers delete {containerId}",
      { containerId: record.id, error },
    );
    return undefined;
  }
}

async function recoverContainer(
  deps: RecoverDeps,
  { record, metadata }: { record: ContainerRecord; metadata: ContainerMetadata },
  signal: AbortSignal,
): Promise<void> {
  const { id } = metadata;
  const checkpoint = await readGoodCheckpoint(deps, id);
  const task = checkpoint !== undefined && isOver(checkpoint)
    ? "none"
    : await findTask(deps.containerd.tasks, id, signal);
  await endCheckpoint(deps, id);
  const createdAtNs = checkpoint?.createdAtNs ?? record.createdAtNs;
  const state = stateOf(deps, { task, checkpoint });
  const container: Container = {
    id,
    metadata,
    createdAtNs,
    state,
    snapshotter: record.snapshotter,
    snapshotKey: record.snapshotKey,
    user: userOfSpec(record.spec?.value),
  };
  deps.names.reserve(metadata.name, id);
  takeLevel(deps, container);
  deps.containers.add(container);
  if (state.kind !== "running" && state.kind !== "unknown") {
    await settle(deps, container, checkpoint);
    return;
  }
  await resumeLog(deps, container, task);
  if (typeof task !== "object" || task.status !== "stopped") return;
  // A shim that is slow to give its task up holds up nobody: until then the container runs.
  await Promise.race([recordExit(deps, id, task), pause(EXIT_WAIT_MS, signal)]);
}

async function recordExit(deps: RecoverDeps, id: ContainerId, exit: Exit): Promise<void> {
  try {
    await containerExited(deps, id, exit);
  } catch (error) {
    log.error("Cannot record the end of container {containerId} yet: {error}", {
      containerId: id,
      error,
    });
  }
}

/**
 * A container that ended has no task: it needn't be asked for, which counts with 1,000 of them. One
 * whose end comes before its start is asked for all the same: a byte of the file may be wrong.
 */
function isOver({ state }: Checkpoint): boolean {
  return state.kind === "exited" && state.finishedAtNs >= state.startedAtNs;
}

async function readGoodCheckpoint(
  deps: RecoverDeps,
  id: ContainerId,
): Promise<Checkpoint | undefined> {
  try {
    return await readCheckpoint(deps.settings, id);
  } catch (error) {
    log.error("The checkpoint of container {containerId} says nothing: {error}", {
      containerId: id,
      error,
    });
    return undefined;
  }
}

function stateOf(
  deps: RecoverDeps,
  { task, checkpoint }: { task: FoundTask; checkpoint: Checkpoint | undefined },
): ContainerState {
  const known = checkpoint?.state;
  const startedAtNs = known === undefined || known.kind === "created" ? 0n : known.startedAtNs;
  if (task === "silent") return { kind: "unknown", startedAtNs };
  // A task that was made and not started: the start died half way, and is taken as failed.
  if (task !== "none" && task.status !== "created") {
    return { kind: "running", pid: task.pid, startedAtNs: startedAtNs || deps.nowNs() };
  }
  if (known?.kind === "exited" || (known?.kind === "created" && task === "none")) return known;
  return unseenExit(deps, startedAtNs);
}

/** Keeps what was found out, so that the next start finds it out no differently. */
async function settle(
  deps: RecoverDeps,
  { id, createdAtNs, state }: Container,
  checkpoint: Checkpoint | undefined,
): Promise<void> {
  if (checkpoint === undefined || checkpoint.state.kind === state.kind) return;
  await writeCheckpoint(deps.settings, id, { createdAtNs, state });
}

/** Reads on from where the shim has its FIFOs. What fails is logged: the container runs all the same. */
export async function resumeLog(
  deps: RecoverDeps,
  { id, metadata }: Container,
  task: FoundTask,
): Promise<void> {
  const { config, logPath } = metadata;
  const dir = stdioDir(deps.settings, id);
  try {
    await deps.logs.open({
      containerId: id,
      dir,
      logPath,
      terminal: config.tty,
      stdin: config.stdin,
      maxLineBytes: deps.settings.maxLogLineBytes,
      resume: true,
      held: foreignStdio(task, dir),
    });
    await deps.logs.attached({ containerId: id });
  } catch (error) {
    log.error("The log of container {containerId} can't go on: {error}", {
      containerId: id,
      error,
    });
  }
}

/** The FIFOs of a container that containerd's CRI plugin started, wherever it made them. */
function foreignStdio(task: FoundTask, dir: string): StdioPaths | undefined {
  if (typeof task !== "object" || task.stdout === "") return undefined;
  const { stdin, stdout, stderr } = task;
  return stdout.startsWith(`${dir}/`) ? undefined : { stdin, stdout, stderr };
}
