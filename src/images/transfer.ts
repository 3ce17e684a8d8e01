/** Putting content into containerd's store, for pulls and imports alike. */
import { createHash } from "node:crypto";
import { newId } from "../base/id.ts";
import { isKind } from "../base/errors.ts";
import type { KeyedLock } from "../base/keyed_lock.ts";
import type { CallOptions } from "../containerd/client.ts";
import type { Content, NewContent } from "../containerd/content.ts";
import type { Diff } from "../containerd/diff.ts";
import type { Images } from "../containerd/images.ts";
import type { Leases } from "../containerd/leases.ts";
import type { Snapshots } from "../containerd/snapshots.ts";
import type { UnpackLimit } from "./unpack_limit.ts";
import type { Descriptor } from "../containerd/types.ts";

/** containerd, as far as images need it, and what all transfers of this process share. */
export interface TransferDeps {
  readonly content: Content;
  readonly diff: Pick<Diff, "apply">;
  readonly images: Images;
  readonly leases: Leases;
  snapshots(snapshotter: string): Snapshots;
  /** Of this machine, in the words of images. */
  readonly architecture: string;
  /** By digest and by chain ID: what two images share is fetched and unpacked once. */
  readonly locks: KeyedLock<string>;
  /** For each layer that is unpacked; none when left out. */
  readonly unpackLimit?: UnpackLimit;
}

/** One transfer: everything that it makes belongs to its lease. */
export interface Transfer {
  readonly deps: TransferDeps;
  readonly leaseId: string;
  readonly signal: AbortSignal;
}

export interface NewBlob {
  readonly descriptor: Pick<Descriptor, "digest" | "sizeBytes">;
  readonly labels: NewContent["labels"];
  /** The blob from this offset on; only read when it is not stored yet. */
  source(offset: bigint): AsyncIterable<Uint8Array>;
}

export function callOptions({ leaseId, signal }: Transfer): CallOptions & { leaseId: string } {
  return { leaseId, signal };
}

/**
 * Makes sure that a blob is stored and held by the transfer's lease.
 *
 * @throws CriError as {@link Content.write} does, and what the source throws
 */
export async function storeBlob(transfer: Transfer, blob: NewBlob): Promise<void> {
  const { deps: { content, locks }, signal } = transfer;
  const { descriptor: { digest, sizeBytes }, labels } = blob;
  await locks.run(digest, signal, async () => {
    const ref = `cri-containerd-${digest}`;
    const source = failing((offset) => blob.source(offset));
    try {
      // Also for what is there already: it gets the lease and the labels.
      const named = { ref, digest, sizeBytes, labels };
      await content.write(named, source.bytes, callOptions(transfer));
    } catch (error) {
      throw source.error() ?? error;
    }
  });
}

/** Bytes whose digest is known only when they have passed by. */
export async function storeUnnamed(
  transfer: Transfer,
  bytes: AsyncIterable<Uint8Array>,
  size: number,
): Promise<Pick<Descriptor, "digest" | "sizeBytes">> {
  const { deps: { content, leases }, leaseId, signal } = transfer;
  const hash = createHash("sha256");
  async function* hashed(): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      hash.update(chunk);
      yield chunk;
    }
  }
  const sizeBytes = BigInt(size);
  const ref = `cri-containerd-import-${newId().slice(0, 16)}`;
  const source = failing(hashed);
  try {
    const unnamed = { ref, digest: "", sizeBytes, labels: () => new Map<string, string>() };
    await content.write(unnamed, source.bytes, callOptions(transfer));
  } catch (error) {
    throw source.error() ?? error;
  }
  const digest = `sha256:${hash.digest("hex")}`;
  // What was there already has not come under the lease by being written.
  await leases.addResource(leaseId, { id: digest, type: "content" }, { signal });
  return { digest, sizeBytes };
}

/** A document that is in memory. */
export async function storeDocument(
  transfer: Transfer,
  { descriptor, bytes, labels }: {
    descriptor: Pick<Descriptor, "digest">;
    bytes: Uint8Array;
    labels: NewBlob["labels"];
  },
): Promise<void> {
  await storeBlob(transfer, {
    descriptor: { digest: descriptor.digest, sizeBytes: BigInt(bytes.length) },
    labels,
    source: (offset) => once(bytes.subarray(Number(offset))),
  });
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield bytes;
}

/** Whether a blob is in the content store. */
export async function isStored(
  { deps, signal }: Transfer,
  digest: string,
): Promise<boolean> {
  try {
    await deps.content.info(digest, { signal });
    return true;
  } catch (error) {
    if (isKind(error, "notFound")) return false;
    throw error;
  }
}

/** The source's own error says more than that of the write that it ended. */
function failing(bytes: (offset: bigint) => AsyncIterable<Uint8Array>): {
  bytes(offset: bigint): AsyncIterable<Uint8Array>;
  error(): unknown;
} {
  let failure: unknown;
  async function* watched(offset: bigint): AsyncGenerator<Uint8Array> {
    try {
      yield* bytes(offset);
    } catch (error) {
      failure = error;
      throw error;
    }
  }
  return { bytes: watched, error: () => failure };
}
