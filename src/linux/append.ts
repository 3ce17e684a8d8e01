/** Files that are only ever appended to: opened without following links, written off this thread. */
import { CriError } from "../base/errors.ts";
import { EEXIST, EINTR, ELOOP, ENOENT, ENOTDIR, linuxError } from "./errno.ts";
import {
  AT_FDCWD,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_WRONLY,
} from "./flags.ts";
import { check, cString, errnoOf, type IoLibc } from "./libc.ts";

const FOLDER = O_PATH | O_DIRECTORY | O_CLOEXEC;
/** Nonblocking, lest a FIFO in the place of the file stops the thread. */
const FILE = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK | O_CLOEXEC;

export interface AppendTarget {
  /** A folder that is trusted; links on the way to it are followed. */
  readonly root: string;
  /** Names from there on, the file's last; none is followed when it is a link. */
  readonly names: readonly string[];
  readonly folderMode: number;
  readonly fileMode: number;
}

/**
 * Opens a file for appending; it and the folders below the root are made when missing.
 *
 * @throws CriError failedPrecondition when a link or something else lies in the way
 */
export function openForAppend(libc: IoLibc, target: AppendTarget): number {
  const { root, names, folderMode, fileMode } = target;
  const path = [root, ...names].join("/");
  let folder = check(libc, libc.openat(AT_FDCWD, cString(root), FOLDER, 0), `open ${root}`);
  try {
    for (const name of names.slice(0, -1)) {
      const below = openFolder(libc, folder, { name, path, mode: folderMode });
      libc.close(folder);
      folder = below;
    }
    const fd = libc.openat(folder, cString(names.at(-1) ?? ""), FILE, fileMode);
    if (fd < 0) throw openError(path, errnoOf(libc));
    return fd;
  } finally {
    libc.close(folder);
  }
}

function openFolder(
  libc: IoLibc,
  parent: number,
  { name, path, mode }: { name: string; path: string; mode: number },
): number {
  const open = () => libc.openat(parent, cString(name), FOLDER | O_NOFOLLOW, 0);
  const fd = open();
  if (fd >= 0) return fd;
  const errno = errnoOf(libc);
  if (errno !== ENOENT) throw openError(path, errno);
  if (libc.mkdirat(parent, cString(name), mode) < 0) {
    const problem = errnoOf(libc);
    // Another container of the pod was quicker.
    if (problem !== EEXIST) throw linuxError(`make a folder for ${path}`, problem);
  }
  const made = open();
  if (made < 0) throw openError(path, errnoOf(libc));
  return made;
}

function openError(path: string, errno: number): CriError {
  if (errno !== ELOOP && errno !== ENOTDIR) return linuxError(`open ${path}`, errno);
  return new CriError("failedPrecondition", `Cannot open ${path}: there is a link on the way`, {
    remedy: "log files and their folders must be real ones",
  });
}

/** How much of a write came through, and the error that ended it. */
export interface Written {
  readonly bytes: number;
  /** 0 when all is written. */
  readonly errno: number;
  /** The last byte that came through of a write that failed; -1 when none did. */
  readonly lastByte: number;
}

const BUFFER_BYTES = 256 * 1024;
const MAX_IDLE_BUFFERS = 8;

/**
 * Writes on threads of Deno's pool, so that a disk that hangs stops the logs on it and nothing else.
 * Memory is libc's and is used again.
 */
export class Appender {
  readonly #libc: IoLibc;
  readonly #idle: bigint[] = [];

  constructor(libc: IoLibc) {
    this.#libc = libc;
  }

  /** Writes all, or as much as can be. The bytes are free for other use once this has returned. */
  async write(fd: number, bytes: Uint8Array<ArrayBuffer>): Promise<Written> {
    const size = bytes.length;
    const address = this.#take(size);
    this.#libc.copyIn(address, bytes, BigInt(size));
    try {
      const written = Number(await this.#libc.writeLater(fd, address, BigInt(size)));
      if (written === size) return { bytes: written, errno: 0, lastByte: -1 };
      return this.#writeRest(fd, { address, size, from: Math.max(written, 0) });
    } finally {
      this.#giveBack(address, size);
    }
  }

  /** The errno of a failed write is the other thread's: the rest is tried on this one, to know. */
  #writeRest(
    fd: number,
    { address, size, from }: { address: bigint; size: number; from: number },
  ): Written {
    let bytes = from;
    while (bytes < size) {
      const rest = BigInt(size - bytes);
      const written = Number(this.#libc.write(fd, address + BigInt(bytes), rest));
      if (written < 0) {
        const errno = errnoOf(this.#libc);
        if (errno === EINTR) continue;
        return { bytes, errno, lastByte: this.#byteAt(address, bytes - 1) };
      }
      bytes += written;
    }
    return { bytes, errno: 0, lastByte: -1 };
  }

  #byteAt(address: bigint, offset: number): number {
    if (offset < 0) return -1;
    const byte = new Uint8Array(1);
    this.#libc.copyOut(byte, address + BigInt(offset), 1n);
    return byte[0] ?? -1;
  }

  #take(size: number): bigint {
    const idle = size <= BUFFER_BYTES ? this.#idle.pop() : undefined;
    const address = idle ?? this.#libc.malloc(BigInt(Math.max(size, BUFFER_BYTES)));
    if (address === 0n) throw new CriError("resourceExhausted", "Out of memory for logs");
    return address;
  }

  #giveBack(address: bigint, size: number): void {
    if (size <= BUFFER_BYTES && this.#idle.length < MAX_IDLE_BUFFERS) this.#idle.push(address);
    else this.#libc.free(address);
  }
}
