/**
 * Artifacts: manifests whose layers are files of any kind (models, policies, modules), which pods mount
 * as image volumes. containerd knows images only, so one is made of them: each file becomes a layer
 * that holds it under its title. The names stay those of the artifact.
 */
import { CriError, isKind } from "../base/errors.ts";
import type { Descriptor } from "../containerd/types.ts";
import { digestOf } from "./chain.ts";
import { checkedBlob } from "./download.ts";
import { checkSize } from "./fetch.ts";
import { childLabels } from "./gc_labels.ts";
import { type Artifact, OCI_CONFIG, OCI_MANIFEST } from "./manifest.ts";
import type { PullTransfer } from "./pull_transfer.ts";
import { canonicalName, repository } from "./reference.ts";
import type { StoredImage } from "./service.ts";
import { tarEnd, tarFile } from "./tar_writer.ts";
import { storeDocument, storeUnnamed } from "./transfer.ts";
import { unpackTarget } from "./unpack_stored.ts";

const OCI_LAYER = "application/vnd.oci.image.layer.v1.tar";
/** https://github.com/opencontainers/image-spec/blob/main/annotations.md */
const TITLE = "org.opencontainers.image.title";
const BLOCK = 512;

/** An artifact's manifest, as it was found. */
export interface FoundArtifact extends Artifact {
  readonly digest: string;
  /** Of the index around it, else its own. */
  readonly targetDigest: string;
}

/**
 * Fetches an artifact's files and makes an image of them; one that is on the node is taken as it is.
 *
 * @throws CriError failedPrecondition for files without a safe title; else as a pull does
 */
export async function pullArtifact(
  transfer: PullTransfer,
  artifact: FoundArtifact,
): Promise<StoredImage> {
  const { deps, signal, pull: { reference, snapshotter, labels, progress } } = transfer;
  checkSize(artifact.files, deps.maxImageBytes);
  progress.setLayers(artifact.files);
  const byDigest = `${repository(reference)}@${artifact.targetDigest}`;
  const names = [canonicalName(reference), byDigest];
  try {
    const { target } = await deps.images.get(byDigest, { signal });
    return await unpackTarget(transfer, { target, names, labels, snapshotter });
  } catch (error) {
    // Not there, or not whole any more.
    if (!isKind(error, "notFound")) throw error;
  }
  const target = await storeAsImage(transfer, artifact);
  progress.setStatus("finishing");
  return await unpackTarget(transfer, { target, names, labels, snapshotter });
}

async function storeAsImage(
  transfer: PullTransfer,
  { files, digest }: FoundArtifact,
): Promise<Descriptor> {
  const titles = titlesOf(files);
  const layers: Descriptor[] = [];
  for (const [index, file] of files.entries()) {
    layers.push(await storeFile(transfer, { file, index, title: titles[index] ?? "" }));
  }
  const configBytes = encode({
    architecture: transfer.deps.architecture,
    os: "linux",
    config: { Labels: { "org.opencontainers.image.base.digest": digest } },
    rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.digest) },
  });
  const config = describe(OCI_CONFIG, configBytes);
  await storeDocument(transfer, {
    descriptor: config,
    bytes: configBytes,
    labels: () => new Map(),
  });
  const bytes = encode({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: toJson(config),
    layers: layers.map(toJson),
  });
  const target = describe(OCI_MANIFEST, bytes);
  await storeDocument(transfer, {
    descriptor: target,
    bytes,
    labels: (existing) => childLabels(existing, { config, layers }),
  });
  return target;
}

/** A layer with one file; what comes from the registry is checked as it is packed. */
async function storeFile(
  transfer: PullTransfer,
  { file, index, title }: { file: Descriptor; index: number; title: string },
): Promise<Descriptor> {
  const { deps, source, signal, pull: { progress } } = transfer;
  const size = Number(file.sizeBytes);
  async function* body(): AsyncGenerator<Uint8Array> {
    for await (const chunk of checkedBlob(source, file, signal)) {
      progress.addBytes(index, chunk.length);
      yield chunk;
    }
  }
  async function* layer(): AsyncGenerator<Uint8Array> {
    yield* tarFile(title, body(), size);
    yield tarEnd();
  }
  const packedSize = BLOCK + Math.ceil(size / BLOCK) * BLOCK + tarEnd().length;
  progress.setLayer(index, "fetching");
  const stored = await deps.slots.run(signal, () => storeUnnamed(transfer, layer(), packedSize));
  progress.setLayer(index, "fetched");
  return { mediaType: OCI_LAYER, ...stored, annotations: new Map() };
}

/** Where each file goes; one without a title has its digest's digits for a name. */
function titlesOf(files: readonly Descriptor[]): string[] {
  const titles = files.map(({ annotations, digest }) => {
    return annotations.get(TITLE) ?? digest.split(":")[1] ?? digest;
  });
  for (const title of titles) {
    const parts = title.split("/");
    const isSafe = parts.every((part) => part !== "" && part !== "." && part !== "..") &&
      !parts.some((part) => part.startsWith(".wh.")) && !/\p{Cc}/u.test(title);
    if (isSafe) continue;
    const what = `A file of the artifact has the title ${JSON.stringify(title.slice(0, 200))}`;
    throw new CriError("failedPrecondition", `${what}, which is no path in it`);
  }
  if (new Set(titles).size === titles.length) return titles;
  throw new CriError("failedPrecondition", "Two files of the artifact have the same title");
}

function describe(mediaType: string, bytes: Uint8Array): Descriptor {
  const annotations = new Map<string, string>();
  return { mediaType, digest: digestOf(bytes), sizeBytes: BigInt(bytes.length), annotations };
}

function toJson({ mediaType, digest, sizeBytes }: Descriptor) {
  return { mediaType, digest, size: Number(sizeBytes) };
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
