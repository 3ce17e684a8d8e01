/**
 * The JSON documents of an image: index, manifest, configuration. They come from strangers: each is
 * bounded in size and decoded field by field.
 * https://github.com/opencontainers/image-spec, https://distribution.github.io/distribution/spec/manifest-v2-2/
 */
import * as v from "valibot";
import { CriError } from "../base/errors.ts";
import type { Descriptor } from "../containerd/types.ts";
import { isDigest } from "./reference.ts";
import type { ImageConfig } from "./image.ts";
import type { Platform } from "./platform.ts";

/** Larger documents are refused, as registries do. */
export const MAX_DOCUMENT_BYTES = 8 * 1024 * 1024;
/** More layers than any snapshotter mounts. */
const MAX_LAYERS = 1000;

export const OCI_INDEX = "application/vnd.oci.image.index.v1+json";
export const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
export const OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
const DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json";
export const DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
export const DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json";
export const DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar";
const SCHEMA1 = "application/vnd.docker.distribution.manifest.v1";

/** What a registry is asked for, the newest form first. */
export const MANIFEST_TYPES = [OCI_INDEX, DOCKER_INDEX, OCI_MANIFEST, DOCKER_MANIFEST];

const IMAGE_CONFIGS: readonly string[] = ["", OCI_CONFIG, DOCKER_CONFIG];

const LAYER_TYPE =
  /^application\/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar)(?:[.+](?:gzip|zstd))?$/;

const text = v.optional(v.nullable(v.string()));
const texts = v.optional(v.nullable(v.array(v.string())));
const size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const stringMap = v.optional(v.nullable(v.record(v.string(), v.string())));

const descriptorSchema = v.object({
  mediaType: v.optional(v.string(), ""),
  digest: v.pipe(v.string(), v.check(isDigest, "is not a digest")),
  size,
  annotations: stringMap,
  platform: v.optional(v.nullable(v.object({
    os: v.optional(v.string(), ""),
    architecture: v.optional(v.string(), ""),
    variant: v.optional(v.string(), ""),
  }))),
});

/** An index must not look like a manifest too: readers would see different images (CVE-2021-41190). */
const indexSchema = v.object({
  mediaType: v.optional(v.string()),
  manifests: v.array(descriptorSchema),
  layers: v.optional(v.undefined()),
  config: v.optional(v.undefined()),
});

const manifestSchema = v.object({
  mediaType: v.optional(v.string()),
  config: descriptorSchema,
  layers: v.pipe(v.array(descriptorSchema), v.maxLength(MAX_LAYERS)),
  manifests: v.optional(v.undefined()),
});

const configSchema = v.object({
  os: text,
  architecture: text,
  variant: text,
  config: v.optional(v.nullable(v.object({
    User: text,
    Env: texts,
    Entrypoint: texts,
    Cmd: texts,
    Volumes: v.optional(v.nullable(v.record(v.string(), v.unknown()))),
    WorkingDir: text,
    Labels: stringMap,
    StopSignal: text,
  }))),
  rootfs: v.object({
    diff_ids: v.optional(
      v.nullable(v.array(v.pipe(v.string(), v.check(isDigest, "is not a digest")))),
    ),
  }),
});

export interface IndexMember extends Descriptor {
  platform: Platform | undefined;
}

export interface Manifest {
  config: Descriptor;
  layers: Descriptor[];
}

/** An image's configuration as far as it is of use here. */
export interface ParsedConfig {
  platform: Platform;
  diffIds: string[];
  config: ImageConfig;
}

export type DocumentKind = "index" | "manifest";

/**
 * What kind of document a media type is.
 *
 * @throws CriError failedPrecondition for anything that isn't an image
 */
export function documentKind(mediaType: string): DocumentKind {
  if (mediaType === OCI_INDEX || mediaType === DOCKER_INDEX) return "index";
  if (mediaType === OCI_MANIFEST || mediaType === DOCKER_MANIFEST) return "manifest";
  if (mediaType.startsWith(SCHEMA1)) {
    throw new CriError(
      "failedPrecondition",
      "The image is in Docker's schema 1, given up in 2017",
      {
        remedy: "push it again with a tool of today, for example `skopeo copy`",
      },
    );
  }
  throw new CriError(
    "failedPrecondition",
    `A document of type ${JSON.stringify(mediaType)} is not a container image`,
  );
}

/** Reads an index. @throws CriError failedPrecondition */
export function parseIndex(bytes: Uint8Array, mediaType: string): IndexMember[] {
  const index = decode(indexSchema, bytes, "index");
  checkType(index.mediaType, mediaType);
  return index.manifests.map((member) => {
    const { platform } = member;
    return { ...toDescriptor(member), platform: platform ?? undefined };
  });
}

/** Reads a manifest whose layers are file systems. @throws CriError failedPrecondition */
export function parseManifest(bytes: Uint8Array, mediaType: string): Manifest {
  const manifest = decode(manifestSchema, bytes, "manifest");
  checkType(manifest.mediaType, mediaType);
  for (const { mediaType: type } of manifest.layers) {
    if (LAYER_TYPE.test(type)) continue;
    const what = `The image has a layer of type ${
      JSON.stringify(type)
    }, which no file system is in`;
    throw new CriError("failedPrecondition", what);
  }
  return { config: toDescriptor(manifest.config), layers: manifest.layers.map(toDescriptor) };
}

/** A manifest of files that aren't a root file system: an artifact. */
export interface Artifact {
  readonly files: readonly Descriptor[];
}

/**
 * Reads a manifest that says by the type of its configuration that it is no image; undefined for one
 * of an image. https://github.com/opencontainers/image-spec/blob/main/manifest.md#guidelines-for-artifact-usage
 *
 * @throws CriError failedPrecondition
 */
export function parseArtifact(bytes: Uint8Array, mediaType: string): Artifact | undefined {
  const manifest = decode(manifestSchema, bytes, "manifest");
  if (mediaType !== OCI_MANIFEST || IMAGE_CONFIGS.includes(manifest.config.mediaType)) {
    return undefined;
  }
  return { files: manifest.layers.map(toDescriptor) };
}

/** Reads a configuration. @throws CriError failedPrecondition */
export function parseConfig(bytes: Uint8Array): ParsedConfig {
  const image = decode(configSchema, bytes, "configuration");
  const { config } = image;
  return {
    platform: {
      os: image.os ?? "",
      architecture: image.architecture ?? "",
      variant: image.variant ?? "",
    },
    diffIds: image.rootfs.diff_ids ?? [],
    config: {
      user: config?.User ?? "",
      env: config?.Env ?? [],
      entrypoint: config?.Entrypoint ?? [],
      cmd: config?.Cmd ?? [],
      volumes: Object.keys(config?.Volumes ?? {}),
      workingDir: config?.WorkingDir ?? "",
      labels: new Map(Object.entries(config?.Labels ?? {})),
      stopSignal: config?.StopSignal ?? "",
    },
  };
}

/** A document that says of itself to be something else than its descriptor says is refused. */
function checkType(own: string | undefined, expected: string): void {
  if (own === undefined || own === "" || own === expected) return;
  const [mine, theirs] = [JSON.stringify(own), JSON.stringify(expected)];
  throw new CriError("failedPrecondition", `A document of the image is ${mine} and not ${theirs}`);
}

function decode<S extends v.GenericSchema>(
  schema: S,
  bytes: Uint8Array,
  what: string,
): v.InferOutput<S> {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new CriError("failedPrecondition", `The image's ${what} is not JSON`, { cause });
  }
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const at = v.getDotPath(issue) ?? "";
  throw new CriError(
    "failedPrecondition",
    `The image's ${what} is not valid at ${at || "its top"}`,
  );
}

function toDescriptor(d: v.InferOutput<typeof descriptorSchema>): Descriptor {
  return {
    mediaType: d.mediaType,
    digest: d.digest,
    sizeBytes: BigInt(d.size),
    annotations: new Map(Object.entries(d.annotations ?? {})),
  };
}
