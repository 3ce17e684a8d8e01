/** Root filesystems of containers and sandboxes. */
import { isKind } from "../base/errors.ts";
import { unlessGone } from "../base/gone.ts";
import type { ContainerId } from "../base/id.ts";
import type { Containerd } from "../containerd/client.ts";
import type { Mount } from "../containerd/mount.ts";
import type { Image } from "../images/image.ts";

export interface SnapshotDeps {
  readonly containerd: Pick<Containerd, "snapshots">;
}

/** How to mount the root filesystems of created containers; a start after a restart asks again. */
export type RootfsMounts = Map<ContainerId, Mount[]>;

/** Removes a root filesystem; gone is done. */
export async function removeSnapshot(
  deps: SnapshotDeps,
  { snapshotter, snapshotKey }: { snapshotter: string; snapshotKey: string },
  signal: AbortSignal,
): Promise<void> {
  if (snapshotKey === "") return;
  await unlessGone(deps.containerd.snapshots(snapshotter).remove(snapshotKey, { signal }));
}

export interface UnpackDeps {
  /** Unpacks an image that another client of containerd stored without unpacking it. */
  unpackImage(name: string, snapshotter: string, signal: AbortSignal): Promise<void>;
}

/** Makes a snapshot on that of an image, which is unpacked first where that was never done. */
export async function onUnpacked<T>(
  deps: UnpackDeps,
  { image, snapshotter, make }: { image: Image; snapshotter: string; make: () => Promise<T> },
  signal: AbortSignal,
): Promise<T> {
  try {
    return await make();
  } catch (error) {
    const [name] = image.names;
    if (!isKind(error, "notFound") || name === undefined) throw error;
    await deps.unpackImage(name, snapshotter, signal);
    return await make();
  }
}
