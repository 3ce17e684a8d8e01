/** statfs(2): the space of a file system, and what kind it is. */
import { check, cString, type ServerLibc } from "./libc.ts";

/** Sizes in bytes. */
export interface FileSystemSpace {
  readonly totalBytes: bigint;
  readonly freeBytes: bigint;
  /** What users other than root may take. */
  readonly availableBytes: bigint;
  readonly inodes: bigint;
  readonly freeInodes: bigint;
}

/** Of nsfs, the file system of pinned namespaces: include/uapi/linux/magic.h. */
export const NSFS_MAGIC = 0x6e736673n;

const STRUCT_BYTES = 120;

/** @throws CriError notFound for a path that isn't there */
export function statfs(libc: ServerLibc, path: string): FileSystemSpace {
  const word = callStatfs(libc, path);
  const fragment = word(9);
  const blockBytes = fragment === 0n ? word(1) : fragment;
  return {
    totalBytes: word(2) * blockBytes,
    freeBytes: word(3) * blockBytes,
    availableBytes: word(4) * blockBytes,
    inodes: word(5),
    freeInodes: word(6),
  };
}

/** The magic number of the file system that a path lies on. */
export function fileSystemType(libc: ServerLibc, path: string): bigint {
  return callStatfs(libc, path)(0);
}

/** struct statfs is words of 8 bytes on both architectures. */
function callStatfs(libc: ServerLibc, path: string): (at: number) => bigint {
  const struct = new DataView(new ArrayBuffer(STRUCT_BYTES));
  check(libc, libc.statfs(cString(path), struct.buffer), `look at the file system of ${path}`);
  return (at) => struct.getBigUint64(at * 8, true);
}
