/** Error numbers of Linux (the same on x86-64 and arm64) as errors of this daemon. */
import { CriError, type Kind } from "../base/errors.ts";

export const EPERM = 1;
export const ENOENT = 2;
export const EINTR = 4;
export const EAGAIN = 11;
export const EBUSY = 16;
export const EEXIST = 17;
export const ENOTDIR = 20;
export const EINVAL = 22;
export const EPIPE = 32;
export const ELOOP = 40;
export const EOPNOTSUPP = 95;
export const ECONNRESET = 104;
export const EINPROGRESS = 115;

type Meaning = readonly [name: string, meaning: string, kind: Kind];

const MEANINGS: ReadonlyMap<number, Meaning> = new Map<number, Meaning>([
  [EPERM, ["EPERM", "not permitted", "permissionDenied"]],
  [ENOENT, ["ENOENT", "no such file or folder", "notFound"]],
  [EINTR, ["EINTR", "interrupted", "internal"]],
  [5, ["EIO", "input/output error", "internal"]],
  [6, ["ENXIO", "no such device, or nobody reads the FIFO", "failedPrecondition"]],
  [9, ["EBADF", "not an open file", "internal"]],
  [EAGAIN, ["EAGAIN", "not now", "unavailable"]],
  [12, ["ENOMEM", "out of memory", "resourceExhausted"]],
  [13, ["EACCES", "access denied", "permissionDenied"]],
  [EBUSY, ["EBUSY", "in use", "failedPrecondition"]],
  [EEXIST, ["EEXIST", "exists already", "alreadyExists"]],
  [19, ["ENODEV", "no such file system type", "failedPrecondition"]],
  [ENOTDIR, ["ENOTDIR", "not a folder", "failedPrecondition"]],
  [21, ["EISDIR", "is a folder", "failedPrecondition"]],
  [EINVAL, ["EINVAL", "invalid argument", "internal"]],
  [23, ["ENFILE", "the node has too many open files", "resourceExhausted"]],
  [24, ["EMFILE", "the daemon has too many open files", "resourceExhausted"]],
  [27, ["EFBIG", "file too large", "resourceExhausted"]],
  [28, ["ENOSPC", "no space left", "resourceExhausted"]],
  [30, ["EROFS", "read-only file system", "failedPrecondition"]],
  [EPIPE, ["EPIPE", "nobody reads any more", "failedPrecondition"]],
  [36, ["ENAMETOOLONG", "name too long", "invalidArgument"]],
  [38, ["ENOSYS", "unknown to this kernel", "failedPrecondition"]],
  [39, ["ENOTEMPTY", "not empty", "failedPrecondition"]],
  [ELOOP, ["ELOOP", "a symbolic link where none is allowed", "failedPrecondition"]],
  [EOPNOTSUPP, ["EOPNOTSUPP", "not supported there", "failedPrecondition"]],
  [97, ["EAFNOSUPPORT", "address family not supported", "failedPrecondition"]],
  [99, ["EADDRNOTAVAIL", "no such address", "failedPrecondition"]],
  [101, ["ENETUNREACH", "network unreachable", "failedPrecondition"]],
  [ECONNRESET, ["ECONNRESET", "connection reset", "unavailable"]],
  [110, ["ETIMEDOUT", "timed out", "unavailable"]],
  [111, ["ECONNREFUSED", "connection refused", "failedPrecondition"]],
  [113, ["EHOSTUNREACH", "no way to the host", "failedPrecondition"]],
  [116, ["ESTALE", "stale handle of a network file system", "unavailable"]],
  [122, ["EDQUOT", "quota used up", "resourceExhausted"]],
]);

/** "ENOSPC (no space left)". */
export function errnoText(errno: number): string {
  const known = MEANINGS.get(errno);
  return known === undefined ? `errno ${errno}` : `${known[0]} (${known[1]})`;
}

/** An error with what was being done: "Cannot mount /a: EBUSY (in use)". */
export function linuxError(action: string, errno: number): CriError {
  const kind = MEANINGS.get(errno)?.[2] ?? "internal";
  return new CriError(kind, `Cannot ${action}: ${errnoText(errno)}`);
}
