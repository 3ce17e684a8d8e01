/** Tar archives of images: read entry by entry as they come, and packed. */
import { Readable, type Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import {
  createTarDecoder,
  packTar as packEntries,
  type ParsedTarEntry,
  type TarHeader,
} from "modern-tar";
import { CriError } from "../base/errors.ts";

/** A regular file of an archive. */
export interface ArchiveEntry {
  /** Relative, without "." and ".." parts. */
  path: string;
  sizeBytes: number;
  /** To be read before the next entry is asked for; what is left then is skipped. */
  body: AsyncIterable<Uint8Array>;
}

export interface ArchiveLimits {
  /** Entries of any kind. */
  maxEntries: number;
  /** Of all entries together, unpacked. */
  maxBytes: number;
}

const LIMITS: ArchiveLimits = { maxEntries: 100_000, maxBytes: 1024 ** 4 };
const MAX_PATH_LENGTH = 4_096;

/**
 * The regular files of a tar archive (ustar, GNU long names, PAX), which may be packed by gzip or
 * zstd. Folders and links are left out; nothing is held in memory but the piece at hand.
 *
 * GNU's old form of sparse files can't be told from a plain one and comes as it is stored: who
 * reads an entry compares its digest.
 *
 * @throws CriError invalidArgument for what isn't an archive, is cut off or damaged, has a path
 *   that leads out of it, or a sparse file; resourceExhausted beyond the limits; and what the
 *   stream throws
 */
export async function* readArchive(
  stream: ReadableStream<Uint8Array>,
  limits: ArchiveLimits = LIMITS,
): AsyncGenerator<ArchiveEntry> {
  const stop = new AbortController();
  const source: Source = { reader: stream.getReader() };
  const plain = await guarded(source, unpacked(source));
  const entries = plain
    .pipeThrough(createTarDecoder({ strict: true }), { signal: stop.signal })
    .getReader();
  let count = 0;
  let bytes = 0;
  try {
    while (true) {
      const { done, value: entry } = await guarded(source, entries.read());
      if (done) return;
      bytes += entry.header.size;
      if (++count > limits.maxEntries || bytes > limits.maxBytes) throw tooLarge(limits);
      const path = safePath(entry.header.name);
      if (isFile(entry.header) && path !== "") {
        yield { path, sizeBytes: entry.header.size, body: bodyOf(source, entry) };
      }
      // Without this the next entry would never come. A body that was read is only closed.
      if (!entry.body.locked) await guarded(source, entry.body.cancel());
    }
  } finally {
    // The consumer may leave early: the decoder alone would go on reading to the end.
    stop.abort();
    await source.reader.cancel().catch(() => {});
  }
}

/** A file, folder or link to be packed. */
export interface PackedEntry {
  path: string;
  /** By default a file, or a folder when the path ends in a slash. */
  type?: "file" | "directory" | "symlink" | "link";
  body?: string | Uint8Array;
  /** Permission bits: by default 0644, 0755 for folders. */
  mode?: number;
  uid?: number;
  gid?: number;
  linkTarget?: string;
}

/** A tar archive. The same entries give the same bytes: all times are the epoch. */
export async function packTar(entries: readonly PackedEntry[]): Promise<Uint8Array<ArrayBuffer>> {
  return await packEntries(entries.map((entry) => {
    const { path, body = "", uid = 0, gid = 0 } = entry;
    const type = entry.type ?? (path.endsWith("/") ? "directory" : "file");
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    const header: TarHeader = {
      name: path,
      type,
      size: bytes.length,
      uid,
      gid,
      mtime: new Date(0),
    };
    if (entry.mode !== undefined) header.mode = entry.mode;
    if (entry.linkTarget !== undefined) header.linkname = entry.linkTarget;
    return { header, body: bytes };
  }));
}

async function* bodyOf(source: Source, entry: ParsedTarEntry): AsyncGenerator<Uint8Array> {
  const reader = entry.body.getReader();
  try {
    while (true) {
      const { done, value } = await guarded(source, reader.read());
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
    reader.releaseLock();
  }
}

function isFile(header: TarHeader): boolean {
  const sparse = Object.keys(header.pax ?? {}).some((key) => key.startsWith("GNU.sparse."));
  if (sparse) throw invalid(`the sparse file ${JSON.stringify(header.name)} can't be read`);
  return header.type === "file";
}

/** The path without "./" in front; "" is the archive's own folder. */
function safePath(name: string): string {
  const parts = name.split("/");
  const isAbsolute = parts.length > 1 && parts[0] === "";
  // deno-lint-ignore no-control-regex -- no file has it in its name
  if (isAbsolute || parts.includes("..") || /\x00/.test(name) || name.length > MAX_PATH_LENGTH) {
    const shown = name.length > 200 ? `${name.slice(0, 200)}…` : name;
    throw invalid(`the path ${JSON.stringify(shown)} leads out of it or is too long`);
  }
  return parts.filter((part) => part !== "" && part !== ".").join("/");
}

interface Source {
  reader: ReadableStreamDefaultReader<Uint8Array>;
  /** What the stream itself threw, to be told apart from what is wrong with its bytes. */
  failure?: unknown;
}

const GZIP = [0x1f, 0x8b];
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];

/** The source's bytes, without the compression that their beginning tells of. */
async function unpacked(source: Source): Promise<ReadableStream<Uint8Array>> {
  let head = new Uint8Array();
  while (head.length < ZSTD.length) {
    const piece = await readSource(source);
    if (piece === undefined) break;
    head = joined(head, piece);
  }
  const begins = (magic: number[]) => magic.every((byte, i) => head[i] === byte);
  const bytes = bytesOf(source, head);
  // Node's, because the web's DecompressionStream refuses gzip files of several members.
  if (begins(GZIP)) return ReadableStream.from(inflated(bytes, createGunzip()));
  if (begins(ZSTD)) return ReadableStream.from(inflated(bytes, createZstdDecompress()));
  return ReadableStream.from(bytes);
}

async function* bytesOf(source: Source, head: Uint8Array): AsyncGenerator<Uint8Array> {
  yield head;
  while (true) {
    const piece = await readSource(source);
    if (piece === undefined) return;
    yield piece;
  }
}

/** Not by Duplex.toWeb, which throws into the void when it is cancelled in the middle. */
async function* inflated(
  bytes: AsyncIterable<Uint8Array>,
  engine: Transform,
): AsyncGenerator<Uint8Array> {
  const input = Readable.from(bytes, { objectMode: true });
  input.on("error", (error) => engine.destroy(error));
  input.pipe(engine);
  try {
    yield* engine;
  } finally {
    input.destroy();
    engine.destroy();
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

async function readSource(source: Source): Promise<Uint8Array | undefined> {
  try {
    const { done, value } = await source.reader.read();
    return done ? undefined : value;
  } catch (error) {
    source.failure = error;
    throw error;
  }
}

/** The stream's own errors pass; those of decoders mean that the archive is bad. */
async function guarded<T>(source: Source, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if ("failure" in source) throw source.failure;
    const reason = error instanceof Error ? error.message : String(error);
    throw invalid(reason.replace(/\.$/, ""), error);
  }
}

function invalid(reason: string, cause?: unknown): CriError {
  return new CriError("invalidArgument", `This is not a good tar archive: ${reason}`, { cause });
}

function tooLarge({ maxEntries, maxBytes }: ArchiveLimits): CriError {
  return new CriError(
    "resourceExhausted",
    `The archive has more than ${maxEntries} entries or ${maxBytes} bytes`,
  );
}
