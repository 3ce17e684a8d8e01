/** Removes files by libc where Deno may not: below /run, of programs that others run. */
import { linuxError } from "./errno.ts";
import { listFolder } from "./files.ts";
import { AT_FDCWD, AT_REMOVEDIR } from "./flags.ts";
import { cString, errnoOf, type ServerLibc } from "./libc.ts";
import { stat } from "./stat.ts";

/** Removes a folder with the files in it; gone is done. @throws CriError for a folder in it */
export function removeFiles(libc: ServerLibc, folder: string): void {
  const isThere = stat(libc, { path: folder, followLinks: false })?.kind === "folder";
  if (!isThere) return;
  for (const name of listFolder(libc, folder)) unlink(libc, `${folder}/${name}`, 0);
  unlink(libc, folder, AT_REMOVEDIR);
}

/** Takes a name away; gone is done. */
export function unlink(libc: ServerLibc, path: string, flags: number): void {
  if (libc.unlinkat(AT_FDCWD, cString(path), flags) === 0) return;
  const errno = errnoOf(libc);
  // The number may be of a call that the engine made meanwhile.
  if (stat(libc, { path, followLinks: false }) !== undefined) {
    throw linuxError(`remove ${path}`, errno);
  }
}
