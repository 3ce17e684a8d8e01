/** statx(2): what a path is; its result has the same form on every architecture. */
import { AT_EMPTY_PATH, AT_FDCWD } from "./flags.ts";
import { cString, type ServerLibc } from "./libc.ts";

type StatLibc = Pick<ServerLibc, "statx">;

const STATX_BASIC_STATS = 0x7ff;
/** Since Linux 5.8; older ones leave it 0, and the device has to do. */
const STATX_MNT_ID = 0x1000;
const AT_SYMLINK_NOFOLLOW = 0x100;
const STRUCT_BYTES = 256;

const S_IFMT = 0o170000;
const KINDS = new Map<number, FileKind>([
  [0o100000, "file"],
  [0o040000, "folder"],
  [0o120000, "link"],
  [0o020000, "c"],
  [0o060000, "b"],
  [0o010000, "fifo"],
  [0o140000, "socket"],
]);

export type FileKind = "file" | "folder" | "link" | "c" | "b" | "fifo" | "socket";

export interface Stat {
  readonly kind: FileKind;
  /** Permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of a device; 0 otherwise. */
  readonly major: number;
  readonly minor: number;
}

/** What lies at a path, or behind an open file; undefined when nothing does. */
export function stat(
  libc: StatLibc,
  at: { path: string; followLinks: boolean } | { fd: number },
): Stat | undefined {
  const struct = new DataView(new ArrayBuffer(STRUCT_BYTES));
  const [fd, path, flags] = "fd" in at
    ? [at.fd, "", AT_EMPTY_PATH]
    : [AT_FDCWD, at.path, at.followLinks ? 0 : AT_SYMLINK_NOFOLLOW];
  if (libc.statx(fd, cString(path), flags, STATX_BASIC_STATS, struct.buffer) < 0) return undefined;
  const mode = struct.getUint16(28, true);
  const kind = KINDS.get(mode & S_IFMT);
  if (kind === undefined) return undefined;
  return {
    kind,
    mode: mode & ~S_IFMT,
    uid: struct.getUint32(20, true),
    gid: struct.getUint32(24, true),
    major: struct.getUint32(128, true),
    minor: struct.getUint32(132, true),
  };
}

/** Which mount an open file lies on, as a text to compare. */
export function mountOf(libc: StatLibc, fd: number): string {
  const struct = new DataView(new ArrayBuffer(STRUCT_BYTES));
  const mask = STATX_BASIC_STATS | STATX_MNT_ID;
  if (libc.statx(fd, cString(""), AT_EMPTY_PATH, mask, struct.buffer) < 0) return "";
  const device = [struct.getUint32(136, true), struct.getUint32(140, true)];
  return [struct.getBigUint64(144, true), ...device].join(":");
}
