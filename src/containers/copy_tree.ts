/** Copies files of an image with the owners, modes and times of what is in it. */
import { lchown } from "node:fs/promises";
import { logger } from "../base/log.ts";

const log = logger("containers");

export interface CopyDeps {
  readonly linux: { makeLink(target: string, path: string): void };
}

/**
 * Copies a file, link or folder with all that is in it to a place where nothing is yet. Links are
 * copied as links. Nobody may change the source meanwhile.
 */
export async function copyEntry(
  deps: CopyDeps,
  { source, target }: { source: string; target: string },
  signal: AbortSignal,
): Promise<void> {
  const info = await Deno.lstat(source);
  if (info.isDirectory) {
    await Deno.mkdir(target);
    for await (const { name } of Deno.readDir(source)) {
      signal.throwIfAborted();
      await copyEntry(deps, { source: `${source}/${name}`, target: `${target}/${name}` }, signal);
    }
  } else if (info.isSymlink) {
    deps.linux.makeLink(await Deno.readLink(source), target);
    return await lchown(target, info.uid ?? 0, info.gid ?? 0);
  } else if (info.isFile) {
    await Deno.copyFile(source, target);
  } else {
    log.warn("{path} of an image volume is no file and left out", { path: source });
    return;
  }
  await copyOwner(info, target);
}

/** The mode comes last: a change of owner takes set-user-id bits away. */
async function copyOwner({ uid, gid, mode, mtime }: Deno.FileInfo, target: string): Promise<void> {
  await lchown(target, uid ?? 0, gid ?? 0);
  await Deno.chmod(target, (mode ?? 0) & 0o7777);
  if (mtime !== null) await Deno.utime(target, mtime, mtime);
}
