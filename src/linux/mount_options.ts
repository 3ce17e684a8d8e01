/** Mount options as fstab, containerd and runc spell them, and the flags of mount(2). */

export const MS_RDONLY = 1;
export const MS_NOSUID = 2;
export const MS_NODEV = 4;
export const MS_NOEXEC = 8;
export const MS_REMOUNT = 32;
export const MS_BIND = 4096;
export const MS_REC = 16384;
const MS_SYNCHRONOUS = 16;
const MS_MANDLOCK = 64;
const MS_DIRSYNC = 128;
const MS_NOSYMFOLLOW = 256;
const MS_NOATIME = 1024;
const MS_NODIRATIME = 2048;
const MS_SILENT = 32768;
const MS_UNBINDABLE = 1 << 17;
const MS_PRIVATE = 1 << 18;
const MS_SLAVE = 1 << 19;
const MS_SHARED = 1 << 20;
const MS_RELATIME = 1 << 21;
const MS_STRICTATIME = 1 << 24;
const MS_LAZYTIME = 1 << 25;

/** Flags that an option sets, or takes away. */
const FLAGS = new Map<string, { set?: number; clear?: number }>([
  ["defaults", {}],
  ["ro", { set: MS_RDONLY }],
  ["rw", { clear: MS_RDONLY }],
  ["nosuid", { set: MS_NOSUID }],
  ["suid", { clear: MS_NOSUID }],
  ["nodev", { set: MS_NODEV }],
  ["dev", { clear: MS_NODEV }],
  ["noexec", { set: MS_NOEXEC }],
  ["exec", { clear: MS_NOEXEC }],
  ["sync", { set: MS_SYNCHRONOUS }],
  ["async", { clear: MS_SYNCHRONOUS }],
  ["dirsync", { set: MS_DIRSYNC }],
  ["mand", { set: MS_MANDLOCK }],
  ["nomand", { clear: MS_MANDLOCK }],
  ["silent", { set: MS_SILENT }],
  ["loud", { clear: MS_SILENT }],
  ["noatime", { set: MS_NOATIME }],
  ["atime", { clear: MS_NOATIME }],
  ["nodiratime", { set: MS_NODIRATIME }],
  ["diratime", { clear: MS_NODIRATIME }],
  ["relatime", { set: MS_RELATIME }],
  ["norelatime", { clear: MS_RELATIME }],
  ["strictatime", { set: MS_STRICTATIME }],
  ["nostrictatime", { clear: MS_STRICTATIME }],
  ["lazytime", { set: MS_LAZYTIME }],
  ["nolazytime", { clear: MS_LAZYTIME }],
  ["nosymfollow", { set: MS_NOSYMFOLLOW }],
  ["symfollow", { clear: MS_NOSYMFOLLOW }],
  ["remount", { set: MS_REMOUNT }],
  ["bind", { set: MS_BIND }],
  ["rbind", { set: MS_BIND | MS_REC }],
]);

/** The kernel takes a change of propagation in a call of its own only. */
const PROPAGATION = new Map([
  ["private", MS_PRIVATE],
  ["rprivate", MS_PRIVATE | MS_REC],
  ["shared", MS_SHARED],
  ["rshared", MS_SHARED | MS_REC],
  ["slave", MS_SLAVE],
  ["rslave", MS_SLAVE | MS_REC],
  ["unbindable", MS_UNBINDABLE],
  ["runbindable", MS_UNBINDABLE | MS_REC],
]);

export interface ParsedOptions {
  readonly flags: number;
  readonly propagation: readonly number[];
  /** What the file system itself is told. */
  readonly data: readonly string[];
}

/** Sorts options into flags, changes of propagation and the file system's own; the last one wins. */
export function parseMountOptions(options: readonly string[]): ParsedOptions {
  let flags = 0;
  const propagation: number[] = [];
  const data: string[] = [];
  for (const option of options) {
    const flag = FLAGS.get(option);
    const change = PROPAGATION.get(option);
    if (flag !== undefined) flags = (flags | (flag.set ?? 0)) & ~(flag.clear ?? 0);
    else if (change !== undefined) propagation.push(change);
    else if (option !== "") data.push(option);
  }
  return { flags, propagation, data };
}
