/** FIFOs (named pipes) of containers' stdio. */
import { EAGAIN, ECONNRESET, EINTR, EPIPE, linuxError } from "./errno.ts";
import { listFolder, readLink } from "./files.ts";
import { O_CLOEXEC, O_NONBLOCK, O_RDONLY, O_WRONLY } from "./flags.ts";
import { check, cString, errnoOf, type IoLibc } from "./libc.ts";

const F_DUPFD_CLOEXEC = 1030;
const F_SETPIPE_SZ = 1031;

/**
 * What a FIFO holds while nobody reads: a container goes on that long when the daemon is being
 * replaced. Pages are taken only when they are filled; the kernel's default is 64 KiB.
 */
const CAPACITY_BYTES = 256 * 1024;

/** @throws CriError alreadyExists */
export function makeFifo(libc: IoLibc, path: string, mode: number): void {
  check(libc, libc.mkfifo(cString(path), mode), `make the FIFO ${path}`);
}

/**
 * Opens the read end at once, whether somebody writes or not.
 *
 * @throws CriError notFound
 */
export function openFifoForRead(libc: IoLibc, path: string): number {
  const flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC;
  const fd = check(libc, libc.open(cString(path), flags, 0), `read from the FIFO ${path}`);
  // A node that limits pipes gives the default.
  libc.fcntl(fd, F_SETPIPE_SZ, CAPACITY_BYTES);
  return fd;
}

/** @throws CriError failedPrecondition while nobody has it open for reading */
export function openFifoForWrite(libc: IoLibc, path: string): number {
  const flags = O_WRONLY | O_NONBLOCK | O_CLOEXEC;
  const fd = check(libc, libc.open(cString(path), flags, 0), `write to the FIFO ${path}`);
  // Fewer waits for room when much is written.
  libc.fcntl(fd, F_SETPIPE_SZ, CAPACITY_BYTES);
  return fd;
}

/** Bytes read; 0 when no writer has the FIFO open, "later" when one has and hasn't written. */
export function readFifo(
  libc: IoLibc,
  fd: number,
  into: Uint8Array<ArrayBuffer>,
): number | "later" {
  const read = Number(libc.read(fd, into, BigInt(into.length)));
  if (read >= 0) return read;
  const errno = errnoOf(libc);
  if (errno === EAGAIN || errno === EINTR) return "later";
  throw linuxError("read from a FIFO", errno);
}

/** Bytes written; "later" when there is no room, "gone" when nobody reads any more. */
export function writeFd(
  libc: IoLibc,
  fd: number,
  bytes: Uint8Array<ArrayBuffer>,
): number | "later" | "gone" {
  const written = Number(libc.writeNow(fd, bytes, BigInt(bytes.length)));
  if (written >= 0) return written;
  const errno = errnoOf(libc);
  if (errno === EAGAIN || errno === EINTR) return "later";
  if (errno === EPIPE || errno === ECONNRESET) return "gone";
  throw linuxError("write to a stream", errno);
}

/** A second number for the same open file. */
export function duplicate(libc: IoLibc, fd: number): number {
  return check(libc, libc.fcntl(fd, F_DUPFD_CLOEXEC, 0), "watch a stream");
}

/**
 * Closes what an io compartment that died in this process has left open below these folders (by
 * their real paths): nobody knows these files any more. For the start, when nothing is open yet.
 */
export function closeLeftOpen(libc: IoLibc, folders: readonly string[]): void {
  for (const name of listFolder(libc, "/proc/self/fd")) {
    const target = readLink(libc, `/proc/self/fd/${name}`) ?? "";
    if (folders.some((folder) => target.startsWith(`${folder}/`))) libc.close(Number(name));
  }
}
