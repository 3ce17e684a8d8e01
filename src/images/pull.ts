/**
 * Steps 4–5 of 7: a reference becomes an unpacked image. In the registry compartment.
 *
 *   1  a lease, so that garbage collection leaves alone what comes     undo: it is given back, always
 *   2  tag or digest → index → manifest for this machine
 *   3  ┌ configuration, layers: straight into the content store
 *      └ layers unpacked in their order, each once it is there
 *   4  image records: from here on it exists
 */
import { CriError, during, isKind } from "../base/errors.ts";
import type { Operation } from "../base/operation.ts";
import type { Descriptor } from "../containerd/types.ts";
import { RegistryError } from "../registry/errors.ts";
import { childLabels, type Children, sourceLabel } from "./gc_labels.ts";
import { pullArtifact } from "./artifact.ts";
import { fetchAndUnpack } from "./fetch.ts";
import { withLease } from "./lease.ts";
import {
  type Artifact,
  documentKind,
  MAX_DOCUMENT_BYTES,
  parseArtifact,
  parseIndex,
  parseManifest,
} from "./manifest.ts";
import { openRepository } from "./open_repository.ts";
import type { ChosenManifest, Pull, PullDeps, PullTransfer } from "./pull_transfer.ts";
import { recordImage } from "./records.ts";
import { canonicalName, type ImageReference, repository } from "./reference.ts";
import type { StoredImage } from "./service.ts";
import { checkSignatures } from "./signatures.ts";
import { membersFor } from "./stored.ts";
import { callOptions, storeDocument } from "./transfer.ts";

export type { Pull, PullDeps } from "./pull_transfer.ts";

/** The kubelet shows these words as the reason why a pod waits. */
const UNREACHABLE = "RegistryUnavailable";
const UNSIGNED = "SignatureValidationFailed";
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
    const source = await openRepository(deps, pull);
    return await withLease(deps.leases, op.signal, (leaseId) => {
      return pullUnderLease({ deps, leaseId, signal: op.signal, pull, source }, op);
    });
  } catch (error) {
    throw during(`${reasonWord(error)}Cannot pull image ${name}`, error);
  }
}

type Chosen =
  | ({ kind: "image" } & ChosenManifest)
  | ({ kind: "artifact"; digest: string } & Artifact);

interface Document {
  descriptor: Descriptor;
  bytes: Uint8Array;
}

function reasonWord(error: unknown): string {
  if (error instanceof UnsignedError) return `${UNSIGNED}: `;
  const isUnreachable = error instanceof RegistryError && error.kind === "unavailable";
  return isUnreachable ? `${UNREACHABLE}: ` : "";
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
  await op.step("check its signatures", () => {
    return checkSigned(transfer, [...new Set([target.digest, manifest.digest])]);
  });
  if (manifest.kind === "artifact") {
    const artifact = { ...manifest, targetDigest: target.digest };
    const stored = await op.step("get its files", () => pullArtifact(transfer, artifact));
    progress.setStatus("done");
    return stored;
  }
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

/** Before any layer is fetched: an image that nobody vouches for costs the node nothing. */
async function checkSigned(
  { deps, source, signal, pull: { reference } }: PullTransfer,
  digests: readonly string[],
): Promise<void> {
  const policy = await deps.signatures?.(reference);
  if (policy === undefined) return;
  const image = { name: canonicalName(reference), digests };
  try {
    await checkSignatures(source, { policy, image }, signal);
  } catch (error) {
    if (!isKind(error, "failedPrecondition")) throw error;
    throw new UnsignedError(error);
  }
}

/** Its own class only so that the message begins with the kubelet's word. */
class UnsignedError extends CriError {
  constructor({ kind, message, remedy }: CriError) {
    super(kind, message, remedy === undefined ? {} : { remedy });
  }
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
): Promise<Chosen> {
  const { descriptor: { mediaType, digest }, bytes } = document;
  if (documentKind(mediaType) === "manifest") {
    const artifact = parseArtifact(bytes, mediaType);
    if (artifact !== undefined) return { kind: "artifact", digest, ...artifact };
    const manifest = parseManifest(bytes, mediaType);
    await keep(transfer, document, manifest);
    return { kind: "image", digest, ...manifest };
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
