/** Reads an image out of containerd's content store: target → manifest → configuration. */
import { CriError, isKind } from "../base/errors.ts";
import type { ImageId } from "../base/id.ts";
import type { Content } from "../containerd/content.ts";
import type { CallOptions } from "../containerd/client.ts";
import type { Descriptor } from "../containerd/types.ts";
import { chainIdOf } from "./chain.ts";
import type { ImageConfig } from "./image.ts";
import {
  documentKind,
  type IndexMember,
  type Manifest,
  MAX_DOCUMENT_BYTES,
  parseConfig,
  type ParsedConfig,
  parseIndex,
  parseManifest,
} from "./manifest.ts";
import { fitting, platformName, platformRank } from "./platform.ts";

/** Indexes in indexes: no tool makes more than two. */
const MAX_DEPTH = 3;

export interface StoredDeps {
  readonly content: Pick<Content, "read">;
  /** Of this machine, in the words of images. */
  readonly architecture: string;
}

/** What is read of one image's documents. */
export interface Facts {
  readonly id: ImageId;
  readonly sizeBytes: bigint;
  readonly chainId: string;
  readonly config: ImageConfig;
}

/** An image's documents for this machine. */
export interface Documents {
  manifest: Descriptor;
  parsed: Manifest;
  config: ParsedConfig;
}

/**
 * The manifest and configuration for this machine behind an image record.
 *
 * @throws CriError notFound when a document is not in the content store or no platform fits
 * @throws CriError failedPrecondition when a document is not valid
 */
export async function readDocuments(
  deps: StoredDeps,
  target: Descriptor,
  o?: CallOptions,
): Promise<Documents> {
  return await descend(deps, { target, depth: 0 }, o);
}

/** What the daemon keeps of an image in memory. */
export async function readFacts(
  deps: StoredDeps,
  target: Descriptor,
  o?: CallOptions,
): Promise<Facts> {
  const { manifest, parsed, config } = await readDocuments(deps, target, o);
  const parts = [manifest, parsed.config, ...parsed.layers];
  return {
    // The digest of a configuration is what an image id is.
    id: parsed.config.digest as ImageId,
    sizeBytes: parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0n),
    chainId: chainIdOf(config.diffIds),
    config: config.config,
  };
}

/** Whether an image with this configuration runs here; one that doesn't say is believed to. */
export function checkPlatform({ platform }: ParsedConfig, architecture: string): void {
  if (platform.os === "" && platform.architecture === "") return;
  if (platformRank(platform, architecture) !== undefined) return;
  const own = `linux/${architecture}`;
  throw new CriError(
    "failedPrecondition",
    `The image is made for ${platformName(platform)}, and this machine is ${own}`,
  );
}

/** @throws CriError failedPrecondition when the index has nothing for this machine */
export function membersFor(members: readonly IndexMember[], architecture: string): IndexMember[] {
  const found = fitting(members, architecture);
  if (found.length > 0) return found;
  const others = members.flatMap(({ platform }) =>
    platform === undefined ? [] : [platformName(platform)]
  );
  throw new CriError(
    "failedPrecondition",
    `The image has nothing for linux/${architecture}, only for: ${others.join(", ") || "nothing"}`,
  );
}

async function descend(
  deps: StoredDeps,
  { target, depth }: { target: Descriptor; depth: number },
  o?: CallOptions,
): Promise<Documents> {
  const limit = { maxBytes: MAX_DOCUMENT_BYTES };
  const kind = documentKind(target.mediaType);
  const bytes = await deps.content.read(target.digest, limit, o);
  if (kind === "manifest") {
    const parsed = parseManifest(bytes, target.mediaType);
    const config = parseConfig(await deps.content.read(parsed.config.digest, limit, o));
    checkPlatform(config, deps.architecture);
    return { manifest: target, parsed, config };
  }
  if (depth >= MAX_DEPTH) {
    throw new CriError("failedPrecondition", "The image's indexes nest too deep");
  }
  const members = membersFor(parseIndex(bytes, target.mediaType), deps.architecture);
  return await firstThere(members, (member) => {
    return descend(deps, { target: member, depth: depth + 1 }, o);
  });
}

/** Somebody else may have stored only a less fitting one of the platforms. */
async function firstThere<T, R>(items: readonly T[], read: (item: T) => Promise<R>): Promise<R> {
  let first: unknown;
  for (const item of items) {
    try {
      return await read(item);
    } catch (error) {
      if (!isKind(error, "notFound", "failedPrecondition")) throw error;
      first ??= error;
    }
  }
  throw first;
}
