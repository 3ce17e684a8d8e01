/**
 * Sockets that were handed to another compartment. When that one dies, nobody closes them: their
 * numbers may belong to other files by then, but their names in /proc are theirs alone.
 */
import { listFolder, readLink } from "./files.ts";
import type { CommonLibc } from "./libc.ts";

const FOLDER = "/proc/self/fd";

/** "socket:[4711]", the same for all numbers of one socket; undefined for what isn't open. */
export function socketName(libc: CommonLibc, fd: number): string | undefined {
  const name = readLink(libc, `${FOLDER}/${fd}`);
  return name?.startsWith("socket:") === true ? name : undefined;
}

/** Closes every number of these sockets. */
export function closeSockets(libc: CommonLibc, names: ReadonlySet<string>): void {
  if (names.size === 0) return;
  for (const fd of listFolder(libc, FOLDER)) {
    const name = socketName(libc, Number(fd));
    if (name !== undefined && names.has(name)) libc.close(Number(fd));
  }
}
