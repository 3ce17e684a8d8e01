/** The files in the CNI plugin folders: the programs that the cni compartment may run. */
import { logger } from "../base/log.ts";
import { pause } from "../base/pause.ts";

const log = logger("supervisor");

/** Folders that appear later, and events that got lost, are noticed after this. */
const RESCAN_MS = 10_000;
/** An installer writes many files; they are looked at once, when it has been quiet for so long. */
const QUIET_MS = 300;

/** All executable files of the folders, by full path and in order of name. */
export async function pluginFiles(dirs: readonly string[]): Promise<string[]> {
  return (await look(dirs)).files;
}

/** What is found, and whether that is all: a folder may be unreadable for a moment. */
async function look(dirs: readonly string[]): Promise<{ files: string[]; isAll: boolean }> {
  const files: string[] = [];
  let isAll = true;
  for (const dir of dirs) {
    const found = await names(dir);
    isAll &&= found !== undefined;
    for (const name of found ?? []) {
      const path = `${dir}/${name}`;
      if (await isExecutable(path)) files.push(path);
    }
  }
  return { files, isAll };
}

/** None of a folder that isn't there; undefined when it can't be read. */
async function names(dir: string): Promise<string[] | undefined> {
  try {
    return (await Array.fromAsync(Deno.readDir(dir), (entry) => entry.name)).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    log.warn("Cannot read the plugin folder {dir}: {error}", { dir, error });
    return undefined;
  }
}

async function isExecutable(path: string): Promise<boolean> {
  // Deno's list of programs is cut at commas.
  if (path.includes(",")) return false;
  try {
    const { isFile, mode } = await Deno.stat(path);
    return isFile && ((mode ?? 0) & 0o111) !== 0;
  } catch {
    return false; // It went between the listing and the look, or is a dangling link.
  }
}

/**
 * Calls `onChange` with the new files whenever the set of files differs from the last one, until
 * the signal is aborted. The contents of a file are of no interest here.
 */
export async function watchPlugins(o: {
  dirs: readonly string[];
  known: readonly string[];
  signal: AbortSignal;
  onChange: (files: string[]) => Promise<void>;
}): Promise<void> {
  let known = o.known.join("\n");
  while (!o.signal.aborted) {
    await folderChanged(o.dirs, o.signal);
    if (o.signal.aborted) return;
    const { files, isAll } = await look(o.dirs);
    if (!isAll || files.join("\n") === known) continue;
    known = files.join("\n");
    await o.onChange(files);
  }
}

/** Returns after something happened in one of the folders, or after {@link RESCAN_MS}. */
async function folderChanged(dirs: readonly string[], signal: AbortSignal): Promise<void> {
  const wake = new AbortController();
  const either = AbortSignal.any([signal, wake.signal]);
  const watchers = dirs.flatMap((dir) => watch(dir) ?? []);
  const listening = watchers.map(async (watcher) => {
    for await (const event of watcher) {
      if (event.kind === "access") continue;
      return wake.abort();
    }
  });
  await pause(RESCAN_MS, either);
  if (wake.signal.aborted) await pause(QUIET_MS, signal);
  for (const watcher of watchers) watcher.close();
  await Promise.all(listening);
}

function watch(dir: string): Deno.FsWatcher | undefined {
  try {
    return Deno.watchFs(dir, { recursive: false });
  } catch {
    return undefined; // Missing, or no inotify watches left: the rescan does it.
  }
}
