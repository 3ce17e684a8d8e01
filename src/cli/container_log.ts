/** `cri-containerd logs NAME`: a container's log as the container wrote it. */
import { CriError } from "../base/errors.ts";
import type { ContainerView } from "../cri/node_view.ts";
import { type NodeFlags, pause, withNode } from "./node.ts";
import { contentOf, LogLines } from "./log_lines.ts";
import { printBytes } from "./output.ts";

/** Between two looks at a log that is followed. */
const POLL_MS = 200;
const READ_BYTES = 65_536;

export interface LogsFlags extends Pick<NodeFlags, "config"> {
  follow?: boolean;
  timestamps?: boolean;
  /** Only so many lines from the end. */
  tail?: number;
}

export async function showLog(name: string, flags: LogsFlags): Promise<number> {
  return await withNode(flags, async (node, signal) => {
    const { id } = findContainer(await node.containers(), name);
    const { path } = await node.logOf(id);
    if (path === "") throw new CriError("failedPrecondition", `Container ${name} has no log`);
    const isRunning = async () => (await node.logOf(id)).isRunning;
    await printBytes(logBytes(path, { ...flags, isRunning }, signal));
    return 0;
  });
}

/**
 * The container that a name means: the beginning of an id, a name, or "pod/name", with the pod's
 * namespace or without. Of several the one that runs.
 *
 * @throws CriError notFound, and invalidArgument with the choice when several are meant
 */
export function findContainer(all: readonly ContainerView[], name: string): ContainerView {
  const meant = all.filter((one) => {
    const pod = one.pod.slice(one.pod.indexOf("/") + 1);
    return one.id.startsWith(name) ||
      [one.name, `${pod}/${one.name}`, `${one.pod}/${one.name}`].includes(name);
  });
  const running = meant.filter(({ state }) => state === "running");
  const [first, ...others] = running.length > 0 ? running : meant;
  if (first === undefined) {
    throw new CriError("notFound", `There is no container ${JSON.stringify(name)}`, {
      remedy: "cri-containerd ps --all lists them",
    });
  }
  if (others.length === 0) return first;
  const choice = [first, ...others].map((one) => `${one.pod}/${one.name} (${one.id.slice(0, 13)})`);
  throw new CriError("invalidArgument", `${name} may mean ${choice.join(", ")}`);
}

interface LogOptions extends LogsFlags {
  isRunning(): Promise<boolean>;
}

/** What is in the log now, and with `follow` what comes until the container or its reader ends. */
export async function* logBytes(
  path: string,
  o: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let file = await Deno.open(path);
  try {
    if (o.tail !== undefined) await seekTail(file, o.tail);
    const lines = new LogLines();
    while (!signal.aborted) {
      const isLast = o.follow !== true || !await o.isRunning();
      // Read after it was asked whether anything more can come.
      yield* readOn(file, lines, o.timestamps === true);
      if (isLast) return;
      const next = await rotated(path, file);
      if (next === undefined) {
        await pause(POLL_MS, signal);
      } else {
        // What was written before the file was renamed.
        yield* readOn(file, lines, o.timestamps === true);
        file.close();
        file = next;
      }
    }
  } finally {
    file.close();
  }
}

async function* readOn(
  file: Deno.FsFile,
  lines: LogLines,
  timestamps: boolean,
): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(READ_BYTES);
  for (let read = await file.read(buffer); read !== null; read = await file.read(buffer)) {
    for (const line of lines.add(buffer.subarray(0, read))) yield contentOf(line, timestamps);
  }
}

/** The file that has taken the path over, opened; undefined while it is the same. */
async function rotated(path: string, file: Deno.FsFile): Promise<Deno.FsFile | undefined> {
  try {
    const [now, then] = await Promise.all([Deno.stat(path), file.stat()]);
    return now.ino === then.ino ? undefined : await Deno.open(path);
  } catch (error) {
    // Renamed, and the new one isn't there yet.
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Goes back from the end, in blocks, to the beginning of the line that is so many from there. */
async function seekTail(file: Deno.FsFile, count: number): Promise<void> {
  const { size } = await file.stat();
  const buffer = new Uint8Array(READ_BYTES);
  // The last byte is the end of the last line, not of one before it.
  let left = count;
  for (let end = size - 1; end > 0;) {
    const start = Math.max(0, end - READ_BYTES);
    await file.seek(start, Deno.SeekMode.Start);
    const block = buffer.subarray(0, end - start);
    await readFull(file, block);
    for (
      let at = block.lastIndexOf(10);
      at >= 0;
      at = at > 0 ? block.lastIndexOf(10, at - 1) : -1
    ) {
      if (--left > 0) continue;
      await file.seek(count === 0 ? size : start + at + 1, Deno.SeekMode.Start);
      return;
    }
    end = start;
  }
  await file.seek(count === 0 ? size : 0, Deno.SeekMode.Start);
}

async function readFull(file: Deno.FsFile, into: Uint8Array): Promise<void> {
  for (let at = 0; at < into.length;) {
    const read = await file.read(into.subarray(at));
    if (read === null) return;
    at += read;
  }
}
