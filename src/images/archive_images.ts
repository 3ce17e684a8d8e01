/** Which images an archive holds, and how they are called. */
import * as v from "valibot";
import { CriError } from "../base/errors.ts";
import type { Descriptor } from "../containerd/types.ts";
import type { ArchiveContents, StoredFile } from "./archive_blobs.ts";
import { digestOf } from "./chain.ts";
import { childLabels } from "./gc_labels.ts";
import {
  DOCKER_CONFIG,
  DOCKER_LAYER,
  DOCKER_MANIFEST,
  type IndexMember,
  OCI_INDEX,
  parseIndex,
} from "./manifest.ts";
import type { Platform } from "./platform.ts";
import { canonicalName, repository, tryParseReference } from "./reference.ts";
import { readDocuments } from "./stored.ts";
import { storeDocument, type Transfer } from "./transfer.ts";

export interface ArchivedImage {
  target: Descriptor;
  platform: Platform | undefined;
  names: string[];
}

/** A whole name, set by containerd's and Docker's exporters. */
const FULL_NAME = "io.containerd.image.name";
/** A whole name or a tag only: https://github.com/opencontainers/image-spec/blob/main/annotations.md */
const REF_NAME = "org.opencontainers.image.ref.name";

/** https://github.com/moby/docker-image-spec, manifest.json */
const savedSchema = v.array(v.object({
  Config: v.string(),
  RepoTags: v.optional(v.nullable(v.array(v.string()))),
  Layers: v.array(v.string()),
}));
type Saved = v.InferOutput<typeof savedSchema>;

/** The images of an archive. @throws CriError failedPrecondition when it is no archive of images */
export async function findImages(
  transfer: Transfer,
  { documents, files }: ArchiveContents,
  baseName: string | undefined,
): Promise<ArchivedImage[]> {
  const index = documents.get("index.json");
  const manifest = documents.get("manifest.json");
  const saved = manifest === undefined ? [] : parseSaved(manifest);
  if (index !== undefined) {
    const members = parseIndex(index, OCI_INDEX);
    return await Promise.all(members.map((member) => {
      return fromLayout(transfer, member, { files, saved, baseName });
    }));
  }
  if (manifest === undefined) {
    throw new CriError("failedPrecondition", "It has neither an index.json nor a manifest.json", {
      remedy: "make the archive with `ctr images export` or `docker save`",
    });
  }
  return await Promise.all(saved.map((image) => fromSaved(transfer, image, files)));
}

interface LayoutContext {
  files: ReadonlyMap<string, StoredFile>;
  saved: Saved;
  baseName: string | undefined;
}

/** An image of an OCI layout keeps its digest, so it is also known by that. */
async function fromLayout(
  transfer: Transfer,
  member: IndexMember,
  { files, saved, baseName }: LayoutContext,
): Promise<ArchivedImage> {
  const { platform, ...target } = member;
  const tags = [member.annotations.get(FULL_NAME), refName(member, baseName)];
  if (saved.length > 0) {
    const configs = saved.map((it) => files.get(it.Config)?.digest);
    const config = await configDigest(transfer, target);
    saved.forEach((it, index) => {
      if (config !== undefined && configs[index] === config) tags.push(...it.RepoTags ?? []);
    });
  }
  const references = tags.flatMap((tag) => tryParseReference(tag ?? "") ?? []);
  const names = references.flatMap((it) => [
    canonicalName(it),
    `${repository(it)}@${target.digest}`,
  ]);
  return { target, platform, names: [...new Set(names)] };
}

function refName({ annotations }: IndexMember, baseName: string | undefined): string | undefined {
  const name = annotations.get(REF_NAME);
  if (name === undefined || /[:/]/.test(name)) return name;
  return baseName === undefined ? undefined : `${baseName}:${name}`;
}

/** Undefined where the target can't be read: unpacking will say why. */
async function configDigest(transfer: Transfer, target: Descriptor): Promise<string | undefined> {
  try {
    const { parsed } = await readDocuments(transfer.deps, target, { signal: transfer.signal });
    return parsed.config.digest;
  } catch (error) {
    if (error instanceof CriError && error.kind !== "unavailable") return undefined;
    throw error;
  }
}

/** `docker save` wrote no manifest: one is made, and its digest is nobody's name for the image. */
async function fromSaved(
  transfer: Transfer,
  saved: Saved[number],
  files: ReadonlyMap<string, StoredFile>,
): Promise<ArchivedImage> {
  const fileOf = (path: string, mediaType: string): Descriptor => {
    const file = files.get(path);
    if (file !== undefined) return { mediaType, ...file, annotations: new Map() };
    throw new CriError("failedPrecondition", `The archive has no ${JSON.stringify(path)}`);
  };
  const config = fileOf(saved.Config, DOCKER_CONFIG);
  const layers = saved.Layers.map((path) => fileOf(path, DOCKER_LAYER));
  const json = {
    schemaVersion: 2,
    mediaType: DOCKER_MANIFEST,
    config: toJson(config),
    layers: layers.map(toJson),
  };
  const bytes = new TextEncoder().encode(JSON.stringify(json));
  const target = {
    mediaType: DOCKER_MANIFEST,
    digest: digestOf(bytes),
    sizeBytes: BigInt(bytes.length),
    annotations: new Map<string, string>(),
  };
  await storeDocument(transfer, {
    descriptor: target,
    bytes,
    labels: (existing) => childLabels(existing, { config, layers }),
  });
  const names = (saved.RepoTags ?? []).flatMap((tag) => {
    const reference = tryParseReference(tag);
    return reference === undefined ? [] : [canonicalName(reference)];
  });
  return { target, platform: undefined, names };
}

function toJson({ mediaType, sizeBytes, digest }: Descriptor) {
  return { mediaType, size: Number(sizeBytes), digest };
}

function parseSaved(bytes: Uint8Array): Saved {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    json = undefined;
  }
  const result = v.safeParse(savedSchema, json);
  if (result.success) return result.output;
  throw new CriError("failedPrecondition", "Its manifest.json is not valid");
}
