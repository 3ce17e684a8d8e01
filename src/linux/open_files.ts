/** What a process has open. */
import { listFolder, readLink } from "./files.ts";
import type { CommonLibc } from "./libc.ts";

export interface OpenFiles {
  /** Of any kind, sockets included. */
  readonly files: number;
  readonly sockets: number;
}

/** Undefined for a process that has ended. */
export function openFilesOf(libc: CommonLibc, pid: number): OpenFiles | undefined {
  const folder = `/proc/${pid}/fd`;
  let names: string[];
  try {
    names = listFolder(libc, folder);
  } catch {
    return undefined;
  }
  let sockets = 0;
  for (const name of names) {
    if (readLink(libc, `${folder}/${name}`)?.startsWith("socket:")) sockets++;
  }
  return { files: names.length, sockets };
}
