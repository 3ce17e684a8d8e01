/** What a container changed in its root filesystem, as a layer. */
import type { Containerd } from "../containerd/client.ts";
import type { Descriptor } from "../containerd/types.ts";
import type { Container } from "../state/containers.ts";
import { removeSnapshot } from "./snapshot.ts";

const LAYER = "application/vnd.oci.image.layer.v1.tar";

/** Giving back has its own deadline. */
const REMOVE_TIMEOUT_MS = 30_000;

/**
 * Stores the layer in containerd, held by a lease and by nothing else.
 *
 * @throws CriError as containerd does
 */
export async function rootfsChanges(
  containerd: Pick<Containerd, "snapshots" | "diff">,
  { container, leaseId }: { container: Container; leaseId: string },
  signal: AbortSignal,
): Promise<Descriptor> {
  const { snapshotter, snapshotKey } = container;
  const snapshots = containerd.snapshots(snapshotter);
  const options = { signal, leaseId };
  const viewKey = `${snapshotKey}-before`;
  const { parent } = await snapshots.stat(snapshotKey, { signal });
  try {
    const before = await snapshots.view(viewKey, parent, new Map(), options);
    const after = await snapshots.mounts(snapshotKey, { signal });
    return await containerd.diff.compare({ before, after }, LAYER, options);
  } finally {
    const own = AbortSignal.timeout(REMOVE_TIMEOUT_MS);
    await removeSnapshot({ containerd }, { snapshotter, snapshotKey: viewKey }, own);
  }
}
