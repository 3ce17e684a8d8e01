/** Connecting sockets to the loopback of the namespace that they were made in. */
import { EAGAIN, ECONNRESET, EINPROGRESS, EINTR, errnoText, linuxError } from "./errno.ts";
import { errnoOf, type IoLibc } from "./libc.ts";

const AF_INET = 2;
const AF_INET6 = 10;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SHUT_WR = 1;

/** struct sockaddr_in (16 bytes) and sockaddr_in6 (28 bytes). */
const IPV4_BYTES = 16;
const IPV4_ADDRESS_OFFSET = 4;
const IPV6_BYTES = 28;
const IPV6_LAST_BYTE = 23;
const PORT_OFFSET = 2;

export interface LoopbackAddress {
  readonly family: "ipv4" | "ipv6";
  readonly port: number;
}

/** How connecting came out: "ECONNREFUSED (connection refused)" for a failure. */
export type Connected = "done" | "later" | { readonly failure: string };

/** Connects to 127.0.0.1 or ::1. */
export function connectLoopback(libc: IoLibc, fd: number, address: LoopbackAddress): Connected {
  const bytes = socketAddress(address);
  if (libc.connect(fd, bytes, bytes.length) === 0) return "done";
  const errno = errnoOf(libc);
  if (errno === EINPROGRESS || errno === EINTR) return "later";
  return { failure: errnoText(errno) };
}

function socketAddress({ family, port }: LoopbackAddress): Uint8Array<ArrayBuffer> {
  const isIpv4 = family === "ipv4";
  const view = new DataView(new ArrayBuffer(isIpv4 ? IPV4_BYTES : IPV6_BYTES));
  // The family is a number of the machine's order, all else is of the network's.
  view.setUint16(0, isIpv4 ? AF_INET : AF_INET6, true);
  view.setUint16(PORT_OFFSET, port);
  if (isIpv4) view.setUint32(IPV4_ADDRESS_OFFSET, 0x7f000001);
  else view.setUint8(IPV6_LAST_BYTE, 1);
  return new Uint8Array(view.buffer);
}

/** The outcome of a connection that took its time. */
export function connectOutcome(libc: IoLibc, fd: number): Connected {
  const value = new Int32Array(1);
  const length = new Uint32Array([value.byteLength]);
  if (libc.getsockopt(fd, SOL_SOCKET, SO_ERROR, value, length) !== 0) {
    throw linuxError("connect a socket", errnoOf(libc));
  }
  const [errno = 0] = value;
  return errno === 0 ? "done" : { failure: errnoText(errno) };
}

/** Bytes read; 0 at the end, "gone" for a connection that broke. */
export function readSocket(
  libc: IoLibc,
  fd: number,
  into: Uint8Array<ArrayBuffer>,
): number | "later" | "gone" {
  const read = Number(libc.read(fd, into, BigInt(into.length)));
  if (read >= 0) return read;
  const errno = errnoOf(libc);
  if (errno === EAGAIN || errno === EINTR) return "later";
  if (errno === ECONNRESET) return "gone";
  throw linuxError("read from a connection", errno);
}

/** Says that nothing more comes from this side. A connection that broke needs no saying so. */
export function endSocket(libc: IoLibc, fd: number): void {
  libc.shutdown(fd, SHUT_WR);
}
