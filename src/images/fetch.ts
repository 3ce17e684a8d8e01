/** Step 3 of a pull: configuration and layers into the content store, and out of it into snapshots. */
import { both } from "../base/both.ts";
import { CriError } from "../base/errors.ts";
import { waitFor } from "../base/keyed_lock.ts";
import type { Descriptor } from "../containerd/types.ts";
import { sourceLabel } from "./gc_labels.ts";
import { type HandedFetch, handOver } from "./handed_fetch.ts";
import { MAX_DOCUMENT_BYTES, parseConfig } from "./manifest.ts";
import type { ChosenManifest, PullTransfer } from "./pull_transfer.ts";
import { canonicalName } from "./reference.ts";
import { isRemoteSnapshotter } from "./snapshot_labels.ts";
import { checkPlatform } from "./stored.ts";
import { isStored, storeBlob } from "./transfer.ts";
import { unpackImage, type Unpacking } from "./unpack.ts";

/**
 * Fetches what the image needs and unpacks it; layers that are there are unpacked while later ones
 * still come.
 */
export async function fetchAndUnpack(
  transfer: PullTransfer,
  manifest: ChosenManifest,
): Promise<void> {
  const { signal, deps, pull: { snapshotter, progress } } = transfer;
  const { config, layers } = manifest;
  checkSize(layers, deps.maxImageBytes);
  progress.setLayers(layers);
  const isRemote = (deps.isRemoteSnapshotter ?? isRemoteSnapshotter)(snapshotter);
  const handed = isRemote ? undefined : await handOver(transfer, manifest);
  const arrivals = new Arrivals(layers.length, isRemote || await isStored(transfer, config.digest));
  try {
    await both(
      signal,
      async (signal) => {
        const first = await waitFor(arrivals.needed, signal);
        const wanted = [...layers.entries()].slice(first);
        const fetching = { wanted, handed, onStored: (index: number) => arrivals.stored(index) };
        await fetchLayers({ ...transfer, signal }, fetching);
      },
      async (signal) => {
        const { diffIds } = await fetchConfig({ ...transfer, signal }, config);
        const wait = (index: number) => arrivals.wait(index);
        const unpacking = { snapshotter, config, layers, diffIds, progress, stored: wait };
        const image = isRemote ? { image: imageOf(transfer, manifest) } : {};
        await unpackImage(transfer, { ...unpacking, ...image }, signal);
        arrivals.need(layers.length);
      },
    );
  } finally {
    await handed?.end();
  }
}

function imageOf(
  { pull }: PullTransfer,
  { digest, layers }: ChosenManifest,
): NonNullable<Unpacking["image"]> {
  return { reference: canonicalName(pull.reference), manifestDigest: digest, layers };
}

/**
 * Which layers have come. Where some may be unpacked already, by a remote snapshotter or an earlier
 * pull, the snapshotter is asked before anything is fetched: what it has isn't needed (its content
 * may have been given up to save space), and the first that it hasn't begins the fetching of all from
 * there on.
 */
class Arrivals {
  readonly #layers: PromiseWithResolvers<void>[];
  readonly #needed = Promise.withResolvers<number>();

  constructor(count: number, asksFirst: boolean) {
    this.#layers = Array.from({ length: count }, () => Promise.withResolvers<void>());
    if (!asksFirst) this.need(0);
  }

  /** The first layer that has to be fetched, the number of layers for none. */
  get needed(): Promise<number> {
    return this.#needed.promise;
  }

  need(index: number): void {
    this.#needed.resolve(index);
  }

  stored(index: number): void {
    this.#layers[index]?.resolve();
  }

  /** Never fails: who waits hears of a failure by its signal. */
  wait(index: number): Promise<void> {
    this.need(index);
    return this.#layers[index]?.promise ?? Promise.resolve();
  }
}

/** @throws CriError failedPrecondition for an image that is larger than the configuration allows */
export function checkSize(layers: readonly Descriptor[], maxBytes: bigint): void {
  const sizeBytes = layers.reduce((sum, layer) => sum + layer.sizeBytes, 0n);
  if (sizeBytes <= maxBytes) return;
  throw new CriError(
    "failedPrecondition",
    `The image has ${sizeBytes} bytes of layers, and ${maxBytes} are allowed`,
    { remedy: "raise images.max_image_gib if it is meant to be so large" },
  );
}

async function fetchConfig(transfer: PullTransfer, config: Descriptor) {
  const { deps, signal } = transfer;
  if (config.sizeBytes > MAX_DOCUMENT_BYTES) {
    throw new CriError("failedPrecondition", "The image's configuration is too large");
  }
  await fetchBlob(transfer, config, () => {});
  const limit = { maxBytes: MAX_DOCUMENT_BYTES };
  const parsed = parseConfig(await deps.content.read(config.digest, limit, { signal }));
  checkPlatform(parsed, deps.architecture);
  return parsed;
}

interface Fetching {
  readonly wanted: readonly (readonly [index: number, layer: Descriptor])[];
  readonly handed: HandedFetch | undefined;
  onStored(index: number): void;
}

/** The first failure ends all; every one has ended when this does. */
async function fetchLayers(
  transfer: PullTransfer,
  { wanted, handed, onStored }: Fetching,
): Promise<void> {
  const { deps, pull: { progress } } = transfer;
  const failed = new AbortController();
  const signal = AbortSignal.any([transfer.signal, failed.signal]);
  const queue = wanted.values();
  const worker = async () => {
    for (const [index, layer] of queue) {
      if (signal.aborted) return;
      // The manifest, which is leased, holds what has come.
      if (await handed?.arrival(layer, signal) !== true) {
        await deps.slots.run(signal, async () => {
          progress.setLayer(index, "fetching");
          const count = (bytes: number) => progress.addBytes(index, bytes);
          await fetchBlob({ ...transfer, signal }, layer, count);
        });
      }
      progress.setLayer(index, "fetched");
      onStored(index);
    }
  };
  const work = Array.from({ length: deps.parallelLayers }, async () => {
    try {
      await worker();
    } catch (error) {
      if (!signal.aborted) failed.abort(error);
      throw error;
    }
  });
  await Promise.allSettled(work);
  if (signal.aborted) throw signal.reason;
}

async function fetchBlob(
  transfer: PullTransfer,
  descriptor: Descriptor,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const { source, signal, pull } = transfer;
  async function* counted(offset: bigint): AsyncGenerator<Uint8Array> {
    onBytes(Number(offset));
    for await (const chunk of source.blob(descriptor, { offset, signal })) {
      onBytes(chunk.length);
      yield chunk;
    }
  }
  await storeBlob(transfer, {
    descriptor,
    labels: (existing) => sourceLabel(existing, pull.reference),
    source: counted,
  });
}
