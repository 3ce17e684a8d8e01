/** Images straight from their registries into an archive: on a machine that has no containerd. */
import { createHash } from "node:crypto";
import { CriError, during } from "../base/errors.ts";
import type { Descriptor } from "../containerd/types.ts";
import type { Repository } from "../registry/client.ts";
import { documentKind, parseConfig, parseIndex, parseManifest } from "./manifest.ts";
import { openRepository } from "./open_repository.ts";
import type { PullDeps } from "./pull_transfer.ts";
import { canonicalName, type ImageReference } from "./reference.ts";
import { checkPlatform, membersFor } from "./stored.ts";

export type DownloadDeps = Pick<
  PullDeps,
  "hosts" | "nodeCredentials" | "fetch" | "timing" | "architecture"
>;

/** An image of which everything but its layers is here. */
export interface LocatedImage {
  readonly name: string;
  readonly target: Descriptor;
  /** Index, manifest and configuration. */
  readonly documents: ReadonlyMap<string, Uint8Array>;
  readonly layers: readonly Descriptor[];
  readonly source: Repository;
}

/** Indexes in indexes: no tool makes more than two. */
const MAX_DEPTH = 3;

/**
 * Finds an image for an architecture.
 *
 * @throws CriError as a pull does
 */
export async function locateImage(
  deps: DownloadDeps,
  reference: ImageReference,
  signal: AbortSignal,
): Promise<LocatedImage> {
  const name = canonicalName(reference);
  try {
    const source = await openRepository(deps, { reference, auth: undefined });
    const what = reference.digest ?? reference.tag ?? "latest";
    const { digest, mediaType, sizeBytes } = await source.resolve(what, signal);
    const target = { mediaType, digest, sizeBytes, annotations: new Map<string, string>() };
    const documents = new Map<string, Uint8Array>();
    const manifest = await descend({ deps, source, documents, signal }, target, 0);
    const { config, layers } = parseManifest(manifest.bytes, manifest.mediaType);
    const bytes = await wholeBlob(source, config, signal);
    checkPlatform(parseConfig(bytes), deps.architecture);
    documents.set(config.digest, bytes);
    const size = BigInt(documents.get(digest)?.length ?? 0);
    return { name, target: { ...target, sizeBytes: size }, documents, layers, source };
  } catch (error) {
    throw during(`Cannot get image ${name}`, error);
  }
}

interface Descent {
  deps: DownloadDeps;
  source: Repository;
  documents: Map<string, Uint8Array>;
  signal: AbortSignal;
}

async function descend(
  descent: Descent,
  { digest, mediaType }: Descriptor,
  depth: number,
): Promise<{ bytes: Uint8Array; mediaType: string }> {
  const { deps, source, documents, signal } = descent;
  const kind = documentKind(mediaType);
  const bytes = await source.document(digest, signal);
  documents.set(digest, bytes);
  if (kind === "manifest") return { bytes, mediaType };
  const [member] = membersFor(parseIndex(bytes, mediaType), deps.architecture);
  if (member === undefined || depth >= MAX_DEPTH) {
    throw new CriError("failedPrecondition", "The image's indexes nest too deep or are empty");
  }
  return await descend(descent, member, depth + 1);
}

async function wholeBlob(
  source: Repository,
  descriptor: Descriptor,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of checkedBlob(source, descriptor, signal)) {
    pieces.push(new Uint8Array(piece));
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

/** A blob as it comes. @throws CriError failedPrecondition at its end when it is another one */
export async function* checkedBlob(
  source: Repository,
  { digest, sizeBytes }: Pick<Descriptor, "digest" | "sizeBytes">,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const [algorithm = "", hex] = digest.split(":");
  const hash = createHash(algorithm);
  for await (const piece of source.blob({ digest, sizeBytes }, { offset: 0n, signal })) {
    hash.update(piece);
    yield piece;
  }
  if (hash.digest("hex") === hex) return;
  throw new CriError("failedPrecondition", `The registry sends something else for ${digest}`);
}
