/** The files of an image archive: documents into memory, blobs into the content store. */
import { CriError } from "../base/errors.ts";
import type { Descriptor } from "../containerd/types.ts";
import { MAX_DOCUMENT_BYTES } from "./manifest.ts";
import { storeBlob, storeUnnamed, type Transfer } from "./transfer.ts";

export interface ArchiveEntry {
  path: string;
  sizeBytes: number;
  body: AsyncIterable<Uint8Array>;
}

export type StoredFile = Pick<Descriptor, "digest" | "sizeBytes">;

export interface ArchiveContents {
  /** By path: `index.json`, `manifest.json`. */
  documents: Map<string, Uint8Array>;
  /** Everything else, by path. */
  files: Map<string, StoredFile>;
}

/** More than any archive of images has; each file costs memory here. */
const MAX_FILES = 100_000;
const BLOB = /^blobs\/(sha256|sha512)\/([a-f0-9]+)$/;
const DOCUMENTS: readonly string[] = ["index.json", "manifest.json", "oci-layout"];
/** Written by `docker save` for versions of Docker before 1.10. */
const LEGACY = /^(?:repositories|[a-f0-9]{64}\/(?:json|VERSION))$/;

/** Reads the whole archive. @throws CriError failedPrecondition when a blob isn't what it is named */
export async function storeArchive(
  transfer: Transfer,
  entries: AsyncIterable<ArchiveEntry>,
): Promise<ArchiveContents> {
  const contents: ArchiveContents = { documents: new Map(), files: new Map() };
  for await (const entry of entries) {
    transfer.signal.throwIfAborted();
    const path = entry.path.replace(/^(?:\.\/)+/, "");
    if (contents.files.size >= MAX_FILES) {
      throw new CriError("failedPrecondition", `The archive has more than ${MAX_FILES} files`);
    }
    if (DOCUMENTS.includes(path)) contents.documents.set(path, await inMemory(entry));
    else if (!LEGACY.test(path)) contents.files.set(path, await storeFile(transfer, path, entry));
  }
  return contents;
}

async function storeFile(
  transfer: Transfer,
  path: string,
  entry: ArchiveEntry,
): Promise<StoredFile> {
  const [, algorithm, hex] = BLOB.exec(path) ?? [];
  if (algorithm === undefined) return await storeUnnamed(transfer, entry.body, entry.sizeBytes);
  const file = { digest: `${algorithm}:${hex}`, sizeBytes: BigInt(entry.sizeBytes) };
  await storeBlob(transfer, {
    descriptor: file,
    labels: () => new Map(),
    source: (offset) => skipping(entry.body, Number(offset)),
  });
  return file;
}

async function inMemory({ path, body }: ArchiveEntry): Promise<Uint8Array> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > MAX_DOCUMENT_BYTES) {
      throw new CriError("failedPrecondition", `${path} has more than ${MAX_DOCUMENT_BYTES} bytes`);
    }
    pieces.push(new Uint8Array(chunk));
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}

async function* skipping(
  body: AsyncIterable<Uint8Array>,
  count: number,
): AsyncGenerator<Uint8Array> {
  let skip = count;
  for await (const chunk of body) {
    if (chunk.length > skip) yield skip === 0 ? chunk : chunk.subarray(skip);
    skip = Math.max(0, skip - chunk.length);
  }
}
