/** What the io compartment gets from the kernel. A fake stands in for it in tests. */
import { Appender, type AppendTarget, openForAppend, type Written } from "./append.ts";
import { connectDatagram, sendDatagram, type Sent } from "./datagrams.ts";
import { errnoText } from "./errno.ts";
import {
  closeLeftOpen,
  duplicate,
  makeFifo,
  openFifoForRead,
  openFifoForWrite,
  readFifo,
  writeFd,
} from "./fifo.ts";
import { type IoLibc, openLibc, revokeFfi } from "./libc.ts";
import { closeLeftPollers, Poller, type ReadyListener } from "./poller.ts";
import {
  type Connected,
  connectLoopback,
  connectOutcome,
  endSocket,
  type LoopbackAddress,
  readSocket,
} from "./sockets.ts";
import { IO_SYMBOLS } from "./symbols.ts";

export interface LinuxIo {
  /** @throws CriError alreadyExists */
  makeFifo(path: string, mode: number): void;
  /** Opens the read end at once, whether somebody writes or not. @throws CriError notFound */
  openFifoForRead(path: string): number;
  /** @throws CriError failedPrecondition while nobody has it open for reading */
  openFifoForWrite(path: string): number;
  /** Bytes read; 0 when no writer has it open, "later" when one has and hasn't written. */
  readFifo(fd: number, into: Uint8Array<ArrayBuffer>): number | "later";
  /** Bytes written; "later" when there is no room, "gone" when nobody reads any more. */
  writeFd(fd: number, bytes: Uint8Array<ArrayBuffer>): number | "later" | "gone";
  /** A second number for the same file, to be watched for something else. */
  duplicate(fd: number): number;
  /** Begins to connect a socket: "later" is known by {@link LinuxIo.watchWritable}. */
  connectLoopback(fd: number, address: LoopbackAddress): Connected;
  /** How a connection that took its time came out. */
  connectOutcome(fd: number): Connected;
  /** Connects a socket for datagrams; whether there is somebody at the path. */
  connectDatagram(fd: number, path: string): boolean;
  /** Sends at once or not at all. */
  sendDatagram(fd: number, bytes: Uint8Array<ArrayBuffer>): Sent;
  /** Bytes read; 0 at the end, "gone" for a connection that broke. */
  readSocket(fd: number, into: Uint8Array<ArrayBuffer>): number | "later" | "gone";
  /** Nothing more is sent on a socket; the other side may go on. */
  endSocket(fd: number): void;
  /**
   * Closes what an io compartment that died in this process left open below these folders, named
   * by their real paths. Only before anything is opened.
   */
  closeLeftOpen(folders: readonly string[]): void;
  /** @throws CriError failedPrecondition when a link lies in the way */
  openForAppend(target: AppendTarget): number;
  /** Appends, off this thread. The bytes may be used again as soon as this has returned. */
  append(fd: number, bytes: Uint8Array<ArrayBuffer>): Promise<Written>;
  closeFd(fd: number): void;
  /** Tells once when a FIFO can be read or its last writer has gone. */
  watch(fd: number, listener: ReadyListener): void;
  /** Tells once when there is room to write, or that nobody reads any more. */
  watchWritable(fd: number, listener: ReadyListener): void;
  /** Asks to be told again. */
  watchAgain(fd: number): void;
  /** Call it before closing the file. */
  unwatch(fd: number): void;
  /** Nanoseconds since the epoch. */
  nowNs(): bigint;
  /** "ENOSPC (no space left)". */
  errnoText(errno: number): string;
  /** Ends the waiting; nothing is watched any more. */
  close(): Promise<void>;
}

const CLOCK_REALTIME = 0;
const NS_PER_S = 1_000_000_000n;

/**
 * Opens libc with the io compartment's symbols and gives the permission for foreign libraries up.
 *
 * @throws CriError failedPrecondition without a fitting libc
 */
export function openLinuxIo(): LinuxIo {
  const libc = openLibc(IO_SYMBOLS);
  revokeFfi();
  closeLeftPollers(libc);
  return linuxIoOn(libc);
}

/** The same on a libc that is open. */
export function linuxIoOn(libc: IoLibc): LinuxIo {
  const poller = new Poller(libc);
  const appender = new Appender(libc);
  const time = new BigUint64Array(2);
  const nowNs = () => {
    libc.clock_gettime(CLOCK_REALTIME, time);
    return (time[0] ?? 0n) * NS_PER_S + (time[1] ?? 0n);
  };
  return {
    makeFifo: (path, mode) => makeFifo(libc, path, mode),
    openFifoForRead: (path) => openFifoForRead(libc, path),
    openFifoForWrite: (path) => openFifoForWrite(libc, path),
    readFifo: (fd, into) => readFifo(libc, fd, into),
    writeFd: (fd, bytes) => writeFd(libc, fd, bytes),
    duplicate: (fd) => duplicate(libc, fd),
    connectLoopback: (fd, address) => connectLoopback(libc, fd, address),
    connectOutcome: (fd) => connectOutcome(libc, fd),
    connectDatagram: (fd, path) => connectDatagram(libc, fd, path),
    sendDatagram: (fd, bytes) => sendDatagram(libc, fd, bytes),
    readSocket: (fd, into) => readSocket(libc, fd, into),
    endSocket: (fd) => endSocket(libc, fd),
    closeLeftOpen: (folders) => closeLeftOpen(libc, folders),
    openForAppend: (target) => openForAppend(libc, target),
    append: (fd, bytes) => appender.write(fd, bytes),
    closeFd: (fd) => void libc.close(fd),
    watch: (fd, listener) => poller.add(fd, listener),
    watchWritable: (fd, listener) => poller.add(fd, listener, "write"),
    watchAgain: (fd) => poller.arm(fd),
    unwatch: (fd) => poller.remove(fd),
    nowNs,
    errnoText,
    close: () => poller.close(),
  };
}
