/** Layers → chain of snapshots. Step 5 of 7, its second half. */
import { CriError, isKind } from "../base/errors.ts";
import { unlessGone } from "../base/gone.ts";
import { waitFor } from "../base/keyed_lock.ts";
import { logger } from "../base/log.ts";
import type { Mount } from "../containerd/mount.ts";
import type { Snapshots } from "../containerd/snapshots.ts";
import type { Descriptor } from "../containerd/types.ts";
import { chainIds } from "./chain.ts";
import { snapshotLabel } from "./gc_labels.ts";
import type { Progress } from "./progress.ts";
import { layerLabels, type LayerOf } from "./snapshot_labels.ts";
import { callOptions, type Transfer } from "./transfer.ts";
import { withinLimit } from "./unpack_limit.ts";

const log = logger("images");

const UNCOMPRESSED_LABEL = "containerd.io/uncompressed";
const REMOVE_TIMEOUT_MS = 30_000;

export interface Unpacking {
  snapshotter: string;
  config: Pick<Descriptor, "digest">;
  layers: readonly Descriptor[];
  diffIds: readonly string[];
  /** Resolves when the layer of that index is stored; asked only for those that are needed. */
  stored(index: number): Promise<void>;
  /** For snapshotters that may have layers of their own; others are told nothing. */
  image?: LayerOf;
  progress?: Progress;
}

interface Layer {
  index: number;
  descriptor: Descriptor;
  diffId: string;
  parent: string;
  chainId: string;
}

/**
 * Unpacks an image's layers in their order, each as soon as it is stored, and ties the result to
 * the configuration.
 *
 * @returns the chain ID, "" for an image without layers
 * @throws CriError failedPrecondition when layers and configuration don't belong together
 */
export async function unpackImage(
  transfer: Transfer,
  unpacking: Unpacking,
  signal: AbortSignal,
): Promise<string> {
  const { layers, diffIds, snapshotter, config, progress } = unpacking;
  if (layers.length !== diffIds.length) {
    const counts = `${layers.length} layers, and its configuration tells of ${diffIds.length}`;
    throw new CriError("failedPrecondition", `The image has ${counts}`);
  }
  const within = { ...transfer, signal };
  const chain = chainIds(diffIds);
  const labelled: Promise<void>[] = [];
  let parentIsNew = false;
  for (const [index, descriptor] of layers.entries()) {
    const [diffId = "", chainId = ""] = [diffIds[index], chain[index]];
    const layer = { index, descriptor, diffId, chainId, parent: chain[index - 1] ?? "" };
    const { locks } = transfer.deps;
    const key = `${snapshotter} ${chainId}`;
    // What was just unpacked has no children, but for those of another pull that waited for it.
    const mayBeThere = !parentIsNew || locks.isTaken(key);
    const isNew = await locks.run(key, signal, async () => {
      if (mayBeThere && await holdSnapshot(within, snapshotter, chainId)) return false;
      return await unpackLayer(within, unpacking, layer);
    });
    parentIsNew = isNew;
    if (isNew) {
      // Beside the next layer's work; its failure is heard of at the end.
      const labelling = labelUnpacked(within, layer);
      labelling.catch(() => {});
      labelled.push(labelling);
    }
    progress?.setLayer(index, "unpacked");
  }
  await Promise.all(labelled);
  const chainId = chain.at(-1) ?? "";
  if (chainId !== "") {
    const labels = snapshotLabel(snapshotter, chainId);
    await transfer.deps.content.setLabels(config.digest, labels, callOptions(within));
  }
  return chainId;
}

/** @returns whether it was unpacked here and now */
async function unpackLayer(
  transfer: Transfer,
  unpacking: Unpacking,
  layer: Layer,
): Promise<boolean> {
  const snapshots = transfer.deps.snapshots(unpacking.snapshotter);
  const key = extractKey(layer.chainId);
  const labels = layerLabels(layer, unpacking.image);
  const o = callOptions(transfer);
  try {
    const mounts = await snapshots.prepare(key, layer.parent, labels, o);
    await waitFor(unpacking.stored(layer.index), transfer.signal);
    unpacking.progress?.setLayer(layer.index, "unpacking");
    const applied = await applyLayer(transfer, { snapshots, key, mounts, layer });
    if (applied.digest !== layer.diffId) {
      throw new CriError(
        "failedPrecondition",
        `Layer ${layer.descriptor.digest} unpacks to ${applied.digest} and not to ${layer.diffId}, as the image's configuration says`,
      );
    }
    await snapshots.commit(layer.chainId, key, labels, o);
    return true;
  } catch (error) {
    await removeSnapshot(transfer, unpacking.snapshotter, key);
    if (!isKind(error, "alreadyExists")) throw error;
    // Somebody else (containerd's own client, nerdctl) has unpacked it meanwhile, or it is a
    // snapshotter that has the layer without anybody fetching it.
    if (!await holdSnapshot(transfer, unpacking.snapshotter, layer.chainId)) throw error;
    return false;
  }
}

async function applyLayer(
  transfer: Transfer,
  { snapshots, key, mounts, layer }: {
    snapshots: Snapshots;
    key: string;
    mounts: Mount[];
    layer: Layer;
  },
): Promise<Descriptor> {
  const { deps: { diff, unpackLimit: limit }, signal } = transfer;
  const apply = (signal: AbortSignal) =>
    diff.apply(forDiff(layer.descriptor), mounts, { ...callOptions(transfer), signal });
  if (limit === undefined) return await apply(signal);
  const growing = { snapshots, key, layer: layer.descriptor.digest, limit };
  return await withinLimit(growing, signal, apply);
}

/** Whether a snapshot exists; then the lease holds it, for its other users may go at any moment. */
async function holdSnapshot(
  { deps, leaseId, signal }: Transfer,
  snapshotter: string,
  chainId: string,
): Promise<boolean> {
  const snapshots = deps.snapshots(snapshotter);
  const exists = async () => {
    try {
      return (await snapshots.stat(chainId, { signal })).kind === "committed";
    } catch (error) {
      if (isKind(error, "notFound")) return false;
      throw error;
    }
  };
  if (!await exists()) return false;
  const resource = { id: chainId, type: `snapshots/${snapshotter}` };
  await deps.leases.addResource(leaseId, resource, { signal });
  return await exists();
}

async function removeSnapshot(transfer: Transfer, snapshotter: string, key: string): Promise<void> {
  const signal = AbortSignal.timeout(REMOVE_TIMEOUT_MS);
  try {
    await unlessGone(transfer.deps.snapshots(snapshotter).remove(key, { signal }));
  } catch (error) {
    log.warn("Snapshot {key} is left to garbage collection: {error}", { key, error });
  }
}

/** Known only now that it is unpacked; tools that compare images by content read it. */
async function labelUnpacked(transfer: Transfer, { descriptor, diffId }: Layer): Promise<void> {
  const labels = new Map([[UNCOMPRESSED_LABEL, diffId]]);
  await transfer.deps.content.setLabels(descriptor.digest, labels, callOptions(transfer));
}

/** As containerd's own client names them: `ctr snapshots ls` readers know what they are. */
function extractKey(chainId: string): string {
  const unique = crypto.getRandomValues(new Uint8Array(4)).toHex();
  return `extract-${Date.now()}-${unique} ${chainId}`;
}

/** containerd 1.6 doesn't know Docker's name for a layer packed by zstd. */
function forDiff(descriptor: Descriptor): Descriptor {
  if (!descriptor.mediaType.endsWith("diff.tar.zstd")) return descriptor;
  return { ...descriptor, mediaType: "application/vnd.oci.image.layer.v1.tar+zstd" };
}
