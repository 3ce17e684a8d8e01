/**
 * A bundle: one tar archive with programs and images for a node without internet. It begins with a
 * list of its programs and their checksums; images follow in the OCI layout, so that every tool that
 * imports images reads them too.
 */
import { createHash } from "node:crypto";
import * as v from "valibot";
import { CriError } from "../base/errors.ts";
import type { Descriptor } from "../containerd/types.ts";
import type { ArchiveEntry } from "./archive.ts";
import { checkedBlob, type LocatedImage } from "./download.ts";
import { OCI_INDEX } from "./manifest.ts";
import { tryParseReference } from "./reference.ts";
import { tarEnd, tarFile } from "./tar_writer.ts";

/** Where a program belongs on the node: among the others, or in the folder of network plugins. */
export const KINDS = ["bin", "cni"] as const;
export type ProgramKind = (typeof KINDS)[number];

export interface Program {
  readonly kind: ProgramKind;
  readonly name: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

export interface Manifest {
  readonly architecture: string;
  readonly programs: readonly Program[];
  /** Whole names. */
  readonly images: readonly string[];
}

const LIST = "bundle.json";
const VERSION = 1;
const MAX_LIST_BYTES = 1024 * 1024;

const listSchema = v.object({
  version: v.literal(VERSION),
  architecture: v.string(),
  programs: v.array(v.object({
    kind: v.picklist(KINDS),
    name: v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/)),
    sha256: v.pipe(v.string(), v.regex(/^[a-f0-9]{64}$/)),
    sizeBytes: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
  })),
  images: v.array(v.string()),
});

export interface BundleContents {
  readonly architecture: string;
  readonly programs: readonly (Program & { open(): Promise<AsyncIterable<Uint8Array>> })[];
  readonly images: readonly LocatedImage[];
  /** Told of each piece of an image's layer. */
  onBytes?(image: LocatedImage, layer: Descriptor, bytes: number): void;
}

/** Writes a bundle. @throws CriError when a program changed meanwhile; else as registries fail */
export async function* writeBundle(
  contents: BundleContents,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { architecture, programs, images } = contents;
  const list = {
    version: VERSION,
    architecture,
    programs: programs.map(({ kind, name, sha256, sizeBytes }) => {
      return { kind, name, sha256, sizeBytes };
    }),
    images: images.map(({ name }) => name),
  };
  yield* tarFile(LIST, encode(list));
  for (const program of programs) {
    yield* tarFile(`${program.kind}/${program.name}`, await program.open(), program.sizeBytes);
  }
  yield* tarFile("oci-layout", encode({ imageLayoutVersion: "1.0.0" }));
  const manifests = images.map(memberOf);
  yield* tarFile("index.json", encode({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }));
  yield* writeBlobs(contents, signal);
  yield tarEnd();
}

/** What several images share is in the bundle once. */
async function* writeBlobs(
  { images, onBytes }: BundleContents,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const written = new Set<string>();
  const isNew = (digest: string) => !written.has(digest) && written.add(digest) !== undefined;
  const pathOf = (digest: string) => `blobs/${digest.replace(":", "/")}`;
  for (const image of images) {
    for (const [digest, bytes] of image.documents) {
      if (isNew(digest)) yield* tarFile(pathOf(digest), bytes);
    }
    for (const layer of image.layers) {
      if (!isNew(layer.digest)) continue;
      const counted = async function* () {
        for await (const piece of checkedBlob(image.source, layer, signal)) {
          onBytes?.(image, layer, piece.length);
          yield piece;
        }
      };
      yield* tarFile(pathOf(layer.digest), counted(), Number(layer.sizeBytes));
    }
  }
}

/**
 * Reads a whole bundle and checks every byte of it.
 *
 * @throws CriError failedPrecondition for anything that is missing, changed or not listed
 */
export async function checkBundle(entries: AsyncIterable<ArchiveEntry>): Promise<Manifest> {
  let list: Manifest | undefined;
  const found = new Map<string, string>();
  for await (const { path, sizeBytes, body } of entries) {
    if (list === undefined) {
      if (path !== LIST || sizeBytes > MAX_LIST_BYTES) throw bad("it doesn't begin with its list");
      list = parseList(await Array.fromAsync(body));
      continue;
    }
    const digest = /^blobs\/(sha256|sha512)\/([a-f0-9]+)$/.exec(path);
    const hash = createHash(digest?.[1] ?? "sha256");
    for await (const piece of body) hash.update(piece);
    const sum = hash.digest("hex");
    if (digest !== null && digest[2] !== sum) throw bad(`${path} is damaged`);
    if (found.has(path)) throw bad(`${path} is in it twice`);
    found.set(path, sum);
  }
  if (list === undefined) throw bad("it is empty");
  for (const { kind, name, sha256 } of list.programs) {
    const sum = found.get(`${kind}/${name}`);
    if (sum === undefined) throw bad(`${name} is missing`);
    if (sum !== sha256) throw bad(`${name} is damaged`);
  }
  const isListed = new Set(list.programs.map(({ kind, name }) => `${kind}/${name}`));
  const isProgram = (path: string) => KINDS.some((kind) => path.startsWith(`${kind}/`));
  const stranger = [...found.keys()].find((path) => isProgram(path) && !isListed.has(path));
  if (stranger !== undefined) throw bad(`${stranger} isn't in its list`);
  return list;
}

/** Which program an entry of a checked bundle is, undefined for a part of its images. */
export function programOf(
  { programs }: Manifest,
  { path }: Pick<ArchiveEntry, "path">,
): Program | undefined {
  return programs.find(({ kind, name }) => path === `${kind}/${name}`);
}

/** Whether an entry belongs to the images: all but the list and the programs. */
export function isOfImages(list: Manifest, entry: Pick<ArchiveEntry, "path">): boolean {
  return entry.path !== LIST && programOf(list, entry) === undefined;
}

function parseList(pieces: readonly Uint8Array[]): Manifest {
  let json: unknown;
  try {
    const decoder = new TextDecoder();
    const text = pieces.map((piece) => decoder.decode(piece, { stream: true })).join("");
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  const result = v.safeParse(listSchema, json);
  if (result.success) return result.output;
  throw bad("its list can't be read by this version");
}

function memberOf({ name, target }: LocatedImage): unknown {
  const tag = tryParseReference(name)?.tag;
  return {
    mediaType: target.mediaType,
    digest: target.digest,
    size: Number(target.sizeBytes),
    annotations: {
      "io.containerd.image.name": name,
      ...(tag === undefined ? {} : { "org.opencontainers.image.ref.name": tag }),
    },
  };
}

function bad(reason: string): CriError {
  return new CriError("failedPrecondition", `This is not a good bundle: ${reason}`, {
    remedy: "copy it to the node again, or make it anew with `cri-containerd bundle create`",
  });
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
