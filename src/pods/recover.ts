/**
 * Pods after a start of this daemon: what containerd's records and tasks say is taken, whatever this
 * daemon last knew.
 *
 * 1. Every sandbox record is a pod, running or not; a record that can't be read is set aside.
 * 2. A pod is Ready when its task runs. Each task is asked by itself, with a bound, so that one hung
 *    shim holds up nobody else.
 * 3. Anything less is NotReady, and everything of it may still exist: Stop and Remove finish it.
 */
import { logger } from "../base/log.ts";
import type { Containerd } from "../containerd/client.ts";
import type { ContainerRecord } from "../containerd/containers.ts";
import { type SelinuxDeps, takeLevel } from "../containers/selinux.ts";
import { findTask, type FoundTask } from "../containers/task.ts";
import { KIND, KIND_SANDBOX, SANDBOX_METADATA } from "../state/labels.ts";
import { decodeSandboxMetadata } from "../state/metadata.ts";
import type { NameRegistry } from "../state/names.ts";
import type { Sandbox, SandboxStore } from "../state/sandboxes.ts";
import type { SandboxState } from "../state/status.ts";

const log = logger("pods");

export interface RecoverDeps extends SelinuxDeps {
  readonly containerd: Pick<Containerd, "containers" | "tasks">;
  readonly sandboxes: SandboxStore;
  readonly names: NameRegistry;
}

/**
 * Fills the store from containerd. Pods known already are left as they are.
 *
 * @returns ids of the records that are set aside
 */
export async function recoverPods(deps: RecoverDeps, signal: AbortSignal): Promise<string[]> {
  const filter = `labels.${JSON.stringify(KIND)}==${KIND_SANDBOX}`;
  const pods: Promise<void>[] = [];
  const setAside: string[] = [];
  for await (const record of deps.containerd.containers.list([filter], { signal })) {
    const metadata = readMetadata(record);
    if (metadata === undefined) setAside.push(record.id);
    if (metadata === undefined || deps.sandboxes.find(metadata.id) !== undefined) continue;
    pods.push(recoverPod(deps, { record, metadata }, signal));
  }
  await Promise.all(pods);
  return setAside;
}

/** One broken record is set aside and reported, never a reason not to start. */
function readMetadata(record: ContainerRecord): Sandbox["metadata"] | undefined {
  const extension = record.extensions.get(SANDBOX_METADATA);
  try {
    if (extension === undefined) throw new Error(`there is no extension ${SANDBOX_METADATA}`);
    const metadata = decodeSandboxMetadata(extension.value);
    if (metadata.id !== record.id) throw new Error(`it says it is ${metadata.id}`);
    return metadata;
  } catch (error) {
    log.error(
      "The record of pod {sandboxId} is left out: {error}; when nothing of it is wanted, " +
        "remove it with: ctr -n k8s.io containers delete {sandboxId}",
      { sandboxId: record.id, error },
    );
    return undefined;
  }
}

async function recoverPod(
  deps: RecoverDeps,
  { record, metadata }: { record: ContainerRecord; metadata: Sandbox["metadata"] },
  signal: AbortSignal,
): Promise<void> {
  const task = await findTask(deps.containerd.tasks, record.id, signal);
  deps.names.reserve(metadata.name, metadata.id);
  takeLevel(deps, { id: metadata.id, metadata });
  deps.sandboxes.add({
    id: metadata.id,
    metadata,
    createdAtNs: record.createdAtNs,
    state: stateOf(task),
    runtimeType: record.runtime.name,
    snapshotter: record.snapshotter,
    leftovers: [],
  });
}

function stateOf(task: FoundTask): SandboxState {
  if (typeof task === "object" && (task.status === "running" || task.status === "paused")) {
    return { kind: "ready", pid: task.pid };
  }
  return { kind: "notReady", released: false };
}
