/**
 * Images into one archive of the OCI layout, which every tool of the field reads: for this machine's
 * platform, or with everything of an index that is on the node.
 */
import { CriError, during, isKind } from "../base/errors.ts";
import type { Content } from "../containerd/content.ts";
import type { Images } from "../containerd/images.ts";
import type { Descriptor } from "../containerd/types.ts";
import { digestOf } from "./chain.ts";
import {
  documentKind,
  MAX_DOCUMENT_BYTES,
  OCI_INDEX,
  parseIndex,
  parseManifest,
} from "./manifest.ts";
import { tryParseReference } from "./reference.ts";
import { membersFor, type StoredDeps } from "./stored.ts";
import { tarEnd, tarFile } from "./tar_writer.ts";

export interface ExportDeps extends StoredDeps {
  readonly content: Pick<Content, "read" | "readStream">;
  readonly images: Pick<Images, "get">;
}

export interface Export {
  /** Whole names of image records. */
  readonly names: readonly string[];
  readonly allPlatforms: boolean;
}

interface Blob {
  readonly digest: string;
  readonly sizeBytes: bigint;
}

/**
 * The archive, piece by piece.
 *
 * @throws CriError notFound for an image that isn't there or isn't whole
 */
export async function* exportImages(
  deps: ExportDeps,
  { names, allPlatforms }: Export,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const manifests: unknown[] = [];
  const blobs = new Map<string, Blob>();
  for (const name of names) {
    try {
      const { target } = await deps.images.get(name, { signal });
      const found = await blobsOf(deps, { document: target, allPlatforms }, signal);
      for (const blob of found) blobs.set(blob.digest, blob);
      manifests.push(memberOf(name, target));
    } catch (error) {
      throw during(`Cannot export image ${name}`, error);
    }
  }
  yield* tarFile("oci-layout", encode({ imageLayoutVersion: "1.0.0" }));
  const index = encode({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
  yield* tarFile("index.json", index);
  for (const { digest, sizeBytes } of blobs.values()) {
    const path = `blobs/${digest.replace(":", "/")}`;
    yield* tarFile(path, deps.content.readStream(digest, { signal }), Number(sizeBytes));
  }
  yield tarEnd();
}

/** Its name is written as containerd's and as the specification's readers look for it. */
function memberOf(name: string, { mediaType, digest, sizeBytes }: Descriptor): unknown {
  const tag = tryParseReference(name)?.tag;
  return {
    mediaType,
    digest,
    size: Number(sizeBytes),
    annotations: {
      "io.containerd.image.name": name,
      ...(tag === undefined ? {} : { "org.opencontainers.image.ref.name": tag }),
    },
  };
}

/** A document and what is below it: of an index what this machine runs, or all that is on the node. */
async function blobsOf(
  deps: ExportDeps,
  { document, allPlatforms }: { document: Descriptor; allPlatforms: boolean },
  signal: AbortSignal,
): Promise<Blob[]> {
  const limit = { maxBytes: MAX_DOCUMENT_BYTES };
  const bytes = await deps.content.read(document.digest, limit, { signal });
  const own = { digest: document.digest, sizeBytes: BigInt(bytes.length) };
  if (digestOf(bytes) !== document.digest && document.digest.startsWith("sha256:")) {
    throw new CriError("failedPrecondition", `Content ${document.digest} is damaged`);
  }
  if (documentKind(document.mediaType) === "manifest") {
    const { config, layers } = parseManifest(bytes, document.mediaType);
    return [own, config, ...layers];
  }
  const all = parseIndex(bytes, document.mediaType);
  const blobs: Blob[] = [];
  let missing: unknown;
  for (const member of allPlatforms ? all : membersFor(all, deps.architecture)) {
    try {
      blobs.push(...await blobsOf(deps, { document: member, allPlatforms }, signal));
      if (!allPlatforms) break;
    } catch (error) {
      if (!isKind(error, "notFound", "failedPrecondition")) throw error;
      missing ??= error;
    }
  }
  if (blobs.length === 0) throw missing;
  return [own, ...blobs];
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
