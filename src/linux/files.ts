/** Files and folders by libc: the way to /proc, /sys and /dev, which Deno opens to no compartment. */
import { concat } from "../base/concat.ts";
import { CriError } from "../base/errors.ts";
import { AT_FDCWD, O_CLOEXEC, O_RDONLY } from "./flags.ts";
import { check, type CommonLibc, cString, errnoOf } from "./libc.ts";
import { EINTR, linuxError } from "./errno.ts";

const CHUNK_BYTES = 65_536;
const decoder = new TextDecoder();

/** A file under /proc or /sys that is larger than this is not what was asked for. */
const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;

/**
 * A file's content as text.
 *
 * @throws CriError, resourceExhausted for a file over `maxBytes`
 */
export function readFile(libc: CommonLibc, path: string, maxBytes = DEFAULT_MAX_BYTES): string {
  const action = `read ${path}`;
  const fd = check(libc, libc.open(cString(path), O_RDONLY | O_CLOEXEC, 0), action);
  try {
    return decoder.decode(readAll(libc, fd, { maxBytes, action }));
  } finally {
    libc.close(fd);
  }
}

/**
 * A file's bytes, undefined when it can't be read.
 *
 * @throws CriError resourceExhausted for a file over `maxBytes`
 */
export function readBytesIfAny(
  libc: CommonLibc,
  path: string,
  maxBytes: number,
): Uint8Array | undefined {
  const fd = libc.open(cString(path), O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return undefined;
  try {
    return readAll(libc, fd, { maxBytes, action: `read ${path}` });
  } finally {
    libc.close(fd);
  }
}

/** Where files are read to; there is one such call at a time, for none waits. */
const scratch = new Uint8Array(CHUNK_BYTES);

/**
 * A file as text, undefined when it can't be read: for files of /proc and /sys that come and go, and
 * are read so often that making an error and new memory for each would count. Most are small.
 *
 * @throws CriError resourceExhausted for a file that is none of those
 */
export function readFileIfAny(libc: CommonLibc, path: string): string | undefined {
  const fd = libc.open(cString(path), O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return undefined;
  let size = 0;
  let read = 0;
  try {
    do {
      const rest = size === 0 ? scratch : scratch.subarray(size);
      read = Number(libc.read(fd, rest, BigInt(rest.length)));
      size += Math.max(read, 0);
    } while (read > 0 && size < scratch.length);
    if (size === scratch.length) {
      const whole = new TextDecoder();
      const head = whole.decode(scratch, { stream: true });
      const rest = readAll(libc, fd, { maxBytes: DEFAULT_MAX_BYTES, action: `read ${path}` });
      return head + whole.decode(rest);
    }
  } finally {
    libc.close(fd);
  }
  return read < 0 ? undefined : decoder.decode(scratch.subarray(0, size));
}

/** All that an open file holds. */
export function readAll(
  libc: CommonLibc,
  fd: number,
  { maxBytes, action }: { maxBytes: number; action: string },
): Uint8Array {
  const chunks: Uint8Array[] = [];
  let size = 0;
  while (true) {
    const read = Number(libc.read(fd, scratch, BigInt(CHUNK_BYTES)));
    if (read === 0) break;
    if (read < 0) {
      const errno = errnoOf(libc);
      if (errno === EINTR) continue;
      throw linuxError(action, errno);
    }
    size += read;
    if (size > maxBytes) {
      throw new CriError("resourceExhausted", `Cannot ${action}: over ${maxBytes} bytes`);
    }
    chunks.push(scratch.slice(0, read));
  }
  return concat(chunks, size);
}

/** Where a symbolic link points to; undefined when it is none, or nothing is there. */
export function readLink(libc: CommonLibc, path: string, fd = AT_FDCWD): string | undefined {
  const target = new Uint8Array(4096);
  const length = Number(libc.readlinkat(fd, cString(path), target, BigInt(target.length)));
  return length < 0 ? undefined : decoder.decode(target.subarray(0, length));
}

/** struct dirent on 64-bit Linux: inode (8), offset (8), length of the record (2), type (1), name. */
const DIRENT_LENGTH_OFFSET = 16;
const DIRENT_NAME_OFFSET = 19;

/**
 * Names in a folder, without `.` and `..`.
 *
 * @throws CriError
 */
export function listFolder(libc: CommonLibc, path: string): string[] {
  const folder = libc.opendir(cString(path));
  if (folder === 0n) throw linuxError(`list ${path}`, errnoOf(libc));
  const names: string[] = [];
  const head = new Uint8Array(DIRENT_NAME_OFFSET);
  try {
    for (let entry = libc.readdir(folder); entry !== 0n; entry = libc.readdir(folder)) {
      libc.copyOut(head, entry, BigInt(head.length));
      const length = new DataView(head.buffer).getUint16(DIRENT_LENGTH_OFFSET, true);
      const record = new Uint8Array(length);
      libc.copyOut(record, entry, BigInt(length));
      const end = record.indexOf(0, DIRENT_NAME_OFFSET);
      const name = decoder.decode(record.subarray(DIRENT_NAME_OFFSET, end < 0 ? length : end));
      if (name !== "." && name !== "..") names.push(name);
    }
  } finally {
    libc.closedir(folder);
  }
  return names;
}
