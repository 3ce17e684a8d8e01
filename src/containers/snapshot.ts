/** Root filesystems of containers and sandboxes. */
import { unlessGone } from "../base/gone.ts";
import type { Containerd } from "../containerd/client.ts";

export interface SnapshotDeps {
  readonly containerd: Pick<Containerd, "snapshots">;
}

/** Removes a root filesystem; gone is done. */
export async function removeSnapshot(
  deps: SnapshotDeps,
  { snapshotter, snapshotKey }: { snapshotter: string; snapshotKey: string },
  signal: AbortSignal,
): Promise<void> {
  if (snapshotKey === "") return;
  await unlessGone(deps.containerd.snapshots(snapshotter).remove(snapshotKey, { signal }));
}
