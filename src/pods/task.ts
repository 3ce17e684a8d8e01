/** Step 2b of 7: the pod's own container, whose task holds the pod's namespaces. */
import type { SandboxId } from "../base/id.ts";
import type { Containerd } from "../containerd/client.ts";
import type { Mount } from "../containerd/mount.ts";
import { snapshotLabels } from "../containers/user_namespace.ts";
import type { Image } from "../images/image.ts";
import type { Sandbox } from "../state/sandboxes.ts";

export interface TaskDeps {
  readonly containerd: Pick<Containerd, "tasks" | "snapshots">;
  /** The sandbox image, unpacked and ready to use. */
  sandboxImage(signal: AbortSignal): Promise<Image>;
}

/**
 * Makes the root filesystem of the pod's own container. The call is let come to its end: a cancelled
 * one may be made after it was looked for.
 */
export async function prepareSandboxSnapshot(
  deps: TaskDeps,
  { pod, chainId }: { pod: Sandbox; chainId: string },
  signal: AbortSignal,
): Promise<Mount[]> {
  const snapshots = deps.containerd.snapshots(pod.snapshotter);
  const labels = snapshotLabels(pod.metadata.config);
  const mounts = await snapshots.prepare(pod.id, chainId, labels);
  signal.throwIfAborted();
  return mounts;
}

/**
 * Creates its task and gives its pid: from here a shim runs for the pod. It has no stdio.
 *
 * A call that was begun is let come to its end: one that is cancelled half way leaves a shim or a
 * `runc init` that appears only after it was looked for.
 */
export async function createSandboxTask(
  deps: TaskDeps,
  { id, rootfs }: { id: SandboxId; rootfs: Mount[] },
): Promise<number> {
  const stdio = { stdin: "", stdout: "", stderr: "", terminal: false };
  return await deps.containerd.tasks.create({ id, rootfs, ...stdio });
}
