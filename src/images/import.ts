/**
 * Images out of a tar archive, of the OCI layout or as `docker save` makes them:
 *
 *   1  every blob goes into the content store as it comes by
 *   2  the archive's index says which of them are images, and by what names
 *   3  each image for this machine is unpacked and recorded
 */
import { CriError, during, isKind } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { Descriptor } from "../containerd/types.ts";
import { type ArchiveEntry, storeArchive } from "./archive_blobs.ts";
import { type ArchivedImage, findImages } from "./archive_images.ts";
import { childLabels } from "./gc_labels.ts";
import { withLease } from "./lease.ts";
import { documentKind, MAX_DOCUMENT_BYTES, parseIndex, parseManifest } from "./manifest.ts";
import { platformRank } from "./platform.ts";
import { recordImage } from "./records.ts";
import type { StoredImage } from "./service.ts";
import { callOptions, type Transfer, type TransferDeps } from "./transfer.ts";
import { unpackTarget } from "./unpack_stored.ts";

const log = logger("images");

/** Reads a tar stream, packed or not; going on to the next entry skips what is left of a body. */
export type ReadArchive = (stream: ReadableStream<Uint8Array>) => AsyncIterable<ArchiveEntry>;

export interface ImportDeps extends TransferDeps {
  readonly readArchive: ReadArchive;
}

export interface Import {
  /** Name of the archive, for messages. */
  what: string;
  stream: ReadableStream<Uint8Array>;
  snapshotter: string;
  labels?: ReadonlyMap<string, string>;
  /** Repository for images that have a tag and no name. */
  baseName?: string;
  /** Also records images for other machines, packed as they are. */
  allPlatforms?: boolean;
}

/**
 * Imports all images of an archive that run on this machine.
 *
 * @throws CriError failedPrecondition when the archive is not valid or holds no such image
 */
export async function importArchive(
  deps: ImportDeps,
  { what, stream, snapshotter, labels = new Map(), baseName, allPlatforms = false }: Import,
  signal: AbortSignal,
): Promise<StoredImage[]> {
  try {
    return await withLease(deps.leases, signal, async (leaseId) => {
      const transfer = { deps, leaseId, signal };
      const contents = await storeArchive(transfer, deps.readArchive(stream));
      const images = await findImages(transfer, contents, baseName);
      if (allPlatforms) await recordForeign(transfer, images, labels);
      return await unpackAll(transfer, images, { snapshotter, labels });
    });
  } catch (error) {
    throw during(`Cannot import images from ${what}`, error);
  }
}

/** Images for other machines are left out; it is an error when none is left. */
async function unpackAll(
  transfer: Transfer,
  images: readonly ArchivedImage[],
  { snapshotter, labels }: { snapshotter: string; labels: ReadonlyMap<string, string> },
): Promise<StoredImage[]> {
  const { architecture } = transfer.deps;
  const stored: StoredImage[] = [];
  let reason: unknown = new CriError("failedPrecondition", "There is no image in it");
  for (const { target, platform, names } of images) {
    if (platform !== undefined && platformRank(platform, architecture) === undefined) continue;
    try {
      await labelTree(transfer, target);
      stored.push(await unpackTarget(transfer, { target, names, labels, snapshotter }));
    } catch (error) {
      if (!isKind(error, "notFound", "failedPrecondition")) throw error;
      log.warn("Image {name} of the archive is left out: {reason}", {
        name: names[0] ?? target.digest,
        reason: error.text,
      });
      reason = error;
    }
  }
  if (stored.length === 0) throw reason;
  return stored;
}

/** Records the images for other machines under their names; nothing here can unpack them. */
async function recordForeign(
  transfer: Transfer,
  images: readonly ArchivedImage[],
  labels: ReadonlyMap<string, string>,
): Promise<void> {
  const { deps: { architecture, images: records } } = transfer;
  for (const { target, platform, names } of images) {
    if (platform === undefined || platformRank(platform, architecture) !== undefined) continue;
    await labelTree(transfer, target);
    await recordImage(records, { names, target, labels }, callOptions(transfer));
  }
}

/** Ties together what came in any order. An index may name more than the archive holds. */
async function labelTree(transfer: Transfer, document: Descriptor): Promise<void> {
  const { deps: { content }, signal } = transfer;
  const limit = { maxBytes: MAX_DOCUMENT_BYTES };
  const bytes = await content.read(document.digest, limit, { signal });
  const { labels } = await content.info(document.digest, { signal });
  const label = async (missing: Map<string, string>) => {
    if (missing.size > 0) await content.setLabels(document.digest, missing, callOptions(transfer));
  };
  if (documentKind(document.mediaType) === "manifest") {
    await label(childLabels(labels, parseManifest(bytes, document.mediaType)));
    return;
  }
  const manifests: Descriptor[] = [];
  for (const member of parseIndex(bytes, document.mediaType)) {
    try {
      await labelTree(transfer, member);
      manifests.push(member);
    } catch (error) {
      // Of another platform that was left out, or no image at all, as an attestation.
      if (!isKind(error, "notFound", "failedPrecondition")) throw error;
    }
  }
  await label(childLabels(labels, { manifests }));
}
