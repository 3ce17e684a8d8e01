/**
 * Steps 4–5 of 7: a reference becomes an unpacked image. In the registry compartment.
 *
 *   1  a lease, so that garbage collection leaves alone what comes     undo: it is given back, always
 *   2  tag or digest → index → manifest for this machine
 *   3  ┌ configuration, layers: straight into the content store
 *      └ layers unpacked in their order, each once it is there
 *   4  image records: from here on it exists
 */
import { both } from "../base/both.ts";
import { CriError, during, isKind } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import type { Slots } from "../base/slots.ts";
import type { Descriptor } from "../containerd/types.ts";
import { Repository } from "../registry/client.ts";
import { credentialsOf, type NodeCredentials, type RegistryAuth } from "../registry/credentials.ts";
import { RegistryError } from "../registry/errors.ts";
import { type Hosts, noMirrors } from "../registry/hosts.ts";
import type { Fetch } from "../registry/http.ts";
import type { Timing } from "../registry/timing.ts";
import { childLabels, type Children, sourceLabel } from "./gc_labels.ts";
import { withLease } from "./lease.ts";
import {
  documentKind,
  type Manifest,
  MANIFEST_TYPES,
  MAX_DOCUMENT_BYTES,
  parseConfig,
  parseIndex,
  parseManifest,
} from "./manifest.ts";
import type { Progress } from "./progress.ts";
import { recordImage } from "./records.ts";
import { canonicalName, type ImageReference, repository } from "./reference.ts";
import type { StoredImage } from "./service.ts";
import { checkPlatform, membersFor } from "./stored.ts";
import {
  callOptions,
  storeBlob,
  storeDocument,
  type Transfer,
  type TransferDeps,
} from "./transfer.ts";
import { unpackImage } from "./unpack.ts";

export interface PullDeps extends TransferDeps {
  /** Layers of one image that are fetched at the same time. */
  readonly parallelLayers: number;
  /** Layers of all images that are fetched at the same time. */
  readonly slots: Slots;
  /** Of all layers of an image together, packed. */
  readonly maxImageBytes: bigint;
  /** The servers of a registry; each is its own when left out. */
  readonly hosts?: Hosts;
  /** The node's credentials, for pulls that bring none. */
  readonly nodeCredentials?: () => Promise<NodeCredentials>;
  /** Others than the system's are for tests. */
  readonly fetch?: Fetch;
  readonly timing?: Timing;
}

export interface Pull {
  readonly reference: ImageReference;
  readonly auth: RegistryAuth | undefined;
  readonly snapshotter: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly progress: Progress;
}

/** The kubelet shows this word as the reason why a pod waits. */
const UNREACHABLE = "RegistryUnavailable";
/** Indexes in indexes: no tool makes more than two. */
const MAX_DEPTH = 3;

/**
 * Pulls an image and unpacks it.
 *
 * @throws CriError notFound, permissionDenied, unavailable, resourceExhausted from the registry;
 *   failedPrecondition for an image that isn't valid or not for this machine
 */
export async function pullImage(deps: PullDeps, pull: Pull, op: Operation): Promise<StoredImage> {
  const name = canonicalName(pull.reference);
  try {
    const source = await open(deps, pull);
    return await withLease(deps.leases, op.signal, (leaseId) => {
      return pullUnderLease({ deps, leaseId, signal: op.signal, pull, source }, op);
    });
  } catch (error) {
    const isUnreachable = error instanceof RegistryError && error.kind === "unavailable";
    throw during(`${isUnreachable ? `${UNREACHABLE}: ` : ""}Cannot pull image ${name}`, error);
  }
}

interface PullTransfer extends Transfer {
  readonly deps: PullDeps;
  readonly pull: Pull;
  readonly source: Repository;
}

interface Document {
  descriptor: Descriptor;
  bytes: Uint8Array;
}

async function open(deps: PullDeps, { reference, auth }: Pull): Promise<Repository> {
  const { domain, path } = reference;
  const node = await deps.nodeCredentials?.() ?? new Map();
  return new Repository({
    domain,
    path,
    endpoints: await (deps.hosts ?? noMirrors)(domain),
    credentials: (server) => credentialsOf(reference, server, { auth, node }),
    accept: MANIFEST_TYPES,
    ...(deps.fetch === undefined ? {} : { fetch: deps.fetch }),
    ...(deps.timing === undefined ? {} : { timing: deps.timing }),
  });
}

async function pullUnderLease(transfer: PullTransfer, op: Operation): Promise<StoredImage> {
  const { deps, pull: { reference, progress, labels }, source } = transfer;
  const resolved = await op.step("find it in the registry", () => {
    return source.resolve(reference.digest ?? reference.tag ?? "latest", op.signal);
  });
  progress.setStatus("fetching");
  const { manifest, target } = await op.step("get its manifest", async () => {
    const top = await readDocument(transfer, { ...resolved, annotations: new Map() });
    // What the registry said of its size was only said.
    return { manifest: await choose(transfer, top, 0), target: top.descriptor };
  });
  await op.step("get and unpack its layers", () => fetchAndUnpack(transfer, manifest));
  progress.setStatus("finishing");
  const imageId = manifest.config.digest;
  const names = namesOf(reference, { digest: target.digest, imageId });
  await op.step("record it", () => {
    return recordImage(deps.images, { names, target, labels }, callOptions(transfer));
  });
  progress.setStatus("done");
  return { imageId, names };
}

/** The records of an image: the name asked for, its name by digest, its id. */
function namesOf(
  reference: ImageReference,
  { digest, imageId }: { digest: string; imageId: string },
): string[] {
  return [...new Set([canonicalName(reference), `${repository(reference)}@${digest}`, imageId])];
}

/** Descends from an index to the manifest for this machine; stores what it passes. */
async function choose(
  transfer: PullTransfer,
  document: Document,
  depth: number,
): Promise<Manifest> {
  const { descriptor: { mediaType }, bytes } = document;
  if (documentKind(mediaType) === "manifest") {
    const manifest = parseManifest(bytes, mediaType);
    await keep(transfer, document, manifest);
    return manifest;
  }
  if (depth >= MAX_DEPTH) {
    throw new CriError("failedPrecondition", "The image's indexes nest too deep");
  }
  const [member] = membersFor(parseIndex(bytes, mediaType), transfer.deps.architecture);
  if (member === undefined) throw new CriError("failedPrecondition", "The image's index is empty");
  await keep(transfer, document, { manifests: [member] });
  return await choose(transfer, await readDocument(transfer, member), depth + 1);
}

/** Out of the content store if it is there: a tag that hasn't moved costs one HEAD. */
async function readDocument(
  { deps, source, signal }: PullTransfer,
  descriptor: Descriptor,
): Promise<Document> {
  documentKind(descriptor.mediaType);
  let bytes: Uint8Array;
  try {
    const limit = { maxBytes: MAX_DOCUMENT_BYTES };
    bytes = await deps.content.read(descriptor.digest, limit, { signal });
  } catch (error) {
    if (!isKind(error, "notFound")) throw error;
    bytes = await source.document(descriptor.digest, signal);
  }
  return { descriptor: { ...descriptor, sizeBytes: BigInt(bytes.length) }, bytes };
}

async function keep(
  transfer: PullTransfer,
  document: Document,
  children: Children,
): Promise<void> {
  await storeDocument(transfer, {
    ...document,
    labels: (existing) =>
      new Map([
        ...childLabels(existing, children),
        ...sourceLabel(existing, transfer.pull.reference),
      ]),
  });
}

async function fetchAndUnpack(transfer: PullTransfer, manifest: Manifest): Promise<void> {
  const { signal, pull: { snapshotter, progress } } = transfer;
  const { config, layers } = manifest;
  checkSize(layers, transfer.deps.maxImageBytes);
  progress.setLayers(layers);
  const stored = layers.map(() => Promise.withResolvers<void>());
  // Who waits for a layer hears of the failure by its signal.
  for (const { promise } of stored) promise.catch(() => {});
  await both(
    signal,
    async (signal) => {
      await fetchLayers({ ...transfer, signal }, layers, (index) => stored[index]?.resolve());
    },
    async (signal) => {
      const { diffIds } = await fetchConfig({ ...transfer, signal }, config);
      const wait = (index: number) => stored[index]?.promise ?? Promise.resolve();
      const unpacking = { snapshotter, config, layers, diffIds, progress, stored: wait };
      await unpackImage(transfer, unpacking, signal);
    },
  );
}

function checkSize(layers: readonly Descriptor[], maxBytes: bigint): void {
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

/** The first failure ends all; every one has ended when this does. */
async function fetchLayers(
  transfer: PullTransfer,
  layers: readonly Descriptor[],
  onStored: (index: number) => void,
): Promise<void> {
  const { deps, pull: { progress } } = transfer;
  const failed = new AbortController();
  const signal = AbortSignal.any([transfer.signal, failed.signal]);
  const queue = layers.entries();
  const worker = async () => {
    for (const [index, layer] of queue) {
      if (signal.aborted) return;
      await deps.slots.run(signal, async () => {
        progress.setLayer(index, "fetching");
        await fetchBlob({ ...transfer, signal }, layer, (bytes) => progress.addBytes(index, bytes));
      });
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
