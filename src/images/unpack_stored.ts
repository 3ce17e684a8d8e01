/** Unpacking what lies in the content store already: imports, and what other tools have put there. */
import { during } from "../base/errors.ts";
import type { Descriptor } from "../containerd/types.ts";
import { withLease } from "./lease.ts";
import { recordImage } from "./records.ts";
import type { StoredImage } from "./service.ts";
import { readDocuments } from "./stored.ts";
import { callOptions, type Transfer, type TransferDeps } from "./transfer.ts";
import { unpackImage } from "./unpack.ts";

export interface StoredTarget {
  target: Descriptor;
  /** Records to make beside the one of the image id. */
  names: readonly string[];
  labels: ReadonlyMap<string, string>;
  snapshotter: string;
}

/**
 * Unpacks the image of a record and makes the record ours.
 *
 * @throws CriError notFound when the record or something of the image isn't there
 */
export async function unpackStored(
  deps: TransferDeps,
  { name, snapshotter, labels }: {
    name: string;
    snapshotter: string;
    labels: ReadonlyMap<string, string>;
  },
  signal: AbortSignal,
): Promise<StoredImage> {
  try {
    return await withLease(deps.leases, signal, async (leaseId) => {
      const { target } = await deps.images.get(name, { signal });
      const transfer = { deps, leaseId, signal };
      return await unpackTarget(transfer, { target, names: [name], labels, snapshotter });
    });
  } catch (error) {
    throw during(`Cannot unpack image ${name}`, error);
  }
}

/** Unpacks one image and records it. */
export async function unpackTarget(
  transfer: Transfer,
  { target, names, labels, snapshotter }: StoredTarget,
): Promise<StoredImage> {
  const { deps, signal } = transfer;
  const { parsed, config } = await readDocuments(deps, target, { signal });
  await unpackImage(transfer, {
    snapshotter,
    config: parsed.config,
    layers: parsed.layers,
    diffIds: config.diffIds,
    stored: () => Promise.resolve(),
  }, signal);
  const imageId = parsed.config.digest;
  const all = [...new Set([...names, imageId])];
  await recordImage(deps.images, { names: all, target, labels }, callOptions(transfer));
  return { imageId, names: all };
}
