/**
 * Datagrams to a unix socket, such as journald's. The server compartment makes the socket, the io
 * compartment connects it and sends: neither can do the other's part.
 */
import { EAGAIN, EINTR } from "./errno.ts";
import { O_CLOEXEC, O_NONBLOCK } from "./flags.ts";
import { check, cString, errnoOf, type IoLibc, type ServerLibc } from "./libc.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
/** struct sockaddr_un: the family, then the path. */
const PATH_OFFSET = 2;
const EMSGSIZE = 90;

/** Made for sending without waiting. */
export function datagramSocket(libc: ServerLibc): number {
  const type = SOCK_DGRAM | O_NONBLOCK | O_CLOEXEC;
  return check(libc, libc.socket(AF_UNIX, type, 0), "make a socket");
}

/** "full": it can't be taken now; "large": never; "lost": nobody is connected. */
export type Sent = "sent" | "full" | "large" | "lost";

/** Connects to the socket at a path, again if it was connected. @returns whether one is there */
export function connectDatagram(libc: IoLibc, fd: number, path: string): boolean {
  const name = cString(path);
  const address = new Uint8Array(PATH_OFFSET + name.length);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(name, PATH_OFFSET);
  return libc.connect(fd, address, address.length) === 0;
}

export function sendDatagram(libc: IoLibc, fd: number, bytes: Uint8Array<ArrayBuffer>): Sent {
  if (libc.writeNow(fd, bytes, BigInt(bytes.length)) >= 0) return "sent";
  const errno = errnoOf(libc);
  if (errno === EAGAIN || errno === EINTR) return "full";
  return errno === EMSGSIZE ? "large" : "lost";
}
