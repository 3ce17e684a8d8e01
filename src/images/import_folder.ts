/**
 * The folder of image archives: what lies in it when the daemon starts is imported in the background,
 * and what is dropped in later as soon as it is complete.
 *
 * 1. One archive at a time, so that pods' own pulls aren't held up; the sandbox image's first.
 * 2. An archive that was imported before is known by a label of the image records that it made, and
 *    isn't even read while all of them are there.
 * 3. A bad archive is reported and is nothing to the others.
 */
import { isKind, toCriError } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { pause } from "../base/pause.ts";
import { digestOf } from "./chain.ts";
import { importArchive, type ImportDeps } from "./import.ts";
import { PINNED_LABELS } from "./records.ts";
import { parseReference } from "./reference.ts";

const log = logger("images");

/** A file of the folder. */
export interface ArchiveFile {
  readonly name: string;
  readonly sizeBytes: number;
  readonly changedAtMs: number;
}

export interface ImportFolderDeps extends ImportDeps {
  /** The folder's files now; empty when there is no folder. */
  listFiles(): Promise<ArchiveFile[]>;
  /** Ends, or is aborted by the signal, and tells of each change in the folder. */
  watch(signal: AbortSignal): AsyncIterable<unknown>;
  openFile(name: string): Promise<ReadableStream<Uint8Array>>;
}

export interface ImportFolder {
  /** Path, for messages. */
  readonly path: string;
  readonly snapshotter: string;
  /** "" is the built-in one, which no archive need bring. */
  readonly sandboxImage: string;
  /** How long a file must have kept its size and time before it is read. */
  readonly settleMs?: number;
}

const ARCHIVE = /^[^.].*\.(?:tar|tar\.gz|tgz|tar\.zst|tzst)$/;
/** The last part names the archive; the value is how many records it made. */
const IMPORTED_LABEL = "cri-containerd.io/imported-from.";
const SETTLE_MS = 1_000;
/** containerd may not be there yet, or not at the moment. */
const RETRY_MS = 3_000;

/** Imports what is there and what comes, until the signal is aborted. */
export async function followImportFolder(
  deps: ImportFolderDeps,
  folder: ImportFolder,
  signal: AbortSignal,
): Promise<void> {
  const done = new Set<string>();
  const changes = watchChanges(deps, signal);
  while (!signal.aborted) {
    let waitMs: number | undefined;
    try {
      const isAllThere = await importNew(deps, { folder, done }, signal);
      if (!isAllThere) waitMs = settleTime(folder);
    } catch (error) {
      if (signal.aborted) return;
      const reason = toCriError(error).text;
      log.warn("Cannot import images from {path} now: {reason}", { path: folder.path, reason });
      waitMs = RETRY_MS;
    }
    if (waitMs !== undefined) await pause(waitMs, signal);
    else if (!await changes.next()) return;
  }
}

/** One look: imports what is complete and wasn't yet; false when something is still growing. */
async function importNew(
  deps: ImportFolderDeps,
  { folder, done }: { folder: ImportFolder; done: Set<string> },
  signal: AbortSignal,
): Promise<boolean> {
  const files = (await deps.listFiles()).filter(({ name }) => ARCHIVE.test(name));
  const settledAt = Date.now() - settleTime(folder);
  const settled = files.filter(({ changedAtMs }) => changedAtMs <= settledAt);
  for (const file of inOrder(settled, folder.sandboxImage)) {
    const mark = markOf(file, folder.snapshotter);
    if (signal.aborted || done.has(mark)) continue;
    if (!await isImported(deps, mark, signal)) {
      await importFile(deps, { folder, file, mark }, signal);
    }
    // Also one that is bad: it stays so until it changes.
    done.add(mark);
  }
  return settled.length === files.length;
}

async function importFile(
  deps: ImportFolderDeps,
  { folder, file, mark }: { folder: ImportFolder; file: ArchiveFile; mark: string },
  signal: AbortSignal,
): Promise<void> {
  const path = `${folder.path}/${file.name}`;
  const began = performance.now();
  try {
    const images = await importArchive(deps, {
      what: path,
      stream: await deps.openFile(file.name),
      snapshotter: folder.snapshotter,
      labels: PINNED_LABELS,
    }, signal);
    const names = [...new Set(images.flatMap((image) => image.names))];
    await markRecords(deps, { names, mark }, signal);
    log.info("Imported {images} images from {path} in {ms} ms", {
      images: images.length,
      path,
      ms: Math.round(performance.now() - began),
    });
  } catch (error) {
    if (!isKind(error, "invalidArgument", "failedPrecondition", "resourceExhausted", "notFound")) {
      throw error;
    }
    log.warn("{reason}", { reason: error.text });
  }
}

async function markRecords(
  { images }: ImportFolderDeps,
  { names, mark }: { names: readonly string[]; mark: string },
  signal: AbortSignal,
): Promise<void> {
  const labels = new Map([[IMPORTED_LABEL + mark, String(names.length)]]);
  for (const name of names) {
    const { target } = await images.get(name, { signal });
    const paths = [`labels.${IMPORTED_LABEL}${mark}`];
    await images.update({ name, target, labels }, paths, { signal });
  }
}

/** Whether all records that the archive made are still there. */
async function isImported(
  { images }: ImportFolderDeps,
  mark: string,
  signal: AbortSignal,
): Promise<boolean> {
  const label = IMPORTED_LABEL + mark;
  const records = await images.list([`labels.${JSON.stringify(label)}`], { signal });
  const [first] = records;
  return first !== undefined && Number(first.labels.get(label)) === records.length;
}

/** The archive that is called as the sandbox image comes first: no pod starts without it. */
function inOrder(archives: readonly ArchiveFile[], sandboxImage: string): ArchiveFile[] {
  const files = archives.toSorted((a, b) => a.name < b.name ? -1 : 1);
  if (sandboxImage === "") return files;
  const word = parseReference(sandboxImage, "images.sandbox_image").path.split("/").at(-1) ?? "";
  const isSandbox = ({ name }: ArchiveFile) => name.includes(word);
  return [...files.filter(isSandbox), ...files.filter((file) => !isSandbox(file))];
}

/** Short, for it is a label's name; the same file in another folder is the same archive. */
function markOf({ name, sizeBytes, changedAtMs }: ArchiveFile, snapshotter: string): string {
  const digest = digestOf(JSON.stringify([name, sizeBytes, changedAtMs, snapshotter]));
  return digest.slice("sha256:".length).slice(0, 16);
}

function settleTime({ settleMs = SETTLE_MS }: ImportFolder): number {
  return settleMs;
}

/** Changes as they come; several at once are one. `next` is false when no more can come. */
function watchChanges(
  deps: ImportFolderDeps,
  signal: AbortSignal,
): { next(): Promise<boolean> } {
  let isPending = false;
  let isOver = false;
  let wake = () => {};
  const follow = async () => {
    try {
      for await (const _ of deps.watch(signal)) {
        isPending = true;
        wake();
      }
    } catch (error) {
      if (!signal.aborted) log.warn("New image archives go unnoticed: {error}", { error });
    }
    isOver = true;
    wake();
  };
  void follow();
  return {
    next: async () => {
      if (!isPending && !isOver) await new Promise<void>((resolve) => wake = resolve);
      const had = isPending;
      isPending = false;
      return had;
    },
  };
}
