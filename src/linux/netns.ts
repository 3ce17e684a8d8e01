/**
 * Network namespaces, pinned at a path so that they outlive every process.
 *
 * Making one moves this thread into it for a moment. Nothing else can run on the thread meanwhile,
 * for every call here is synchronous.
 */
import { dirname } from "node:path";
import { CriError, during, toCriError } from "../base/errors.ts";
import { errnoText } from "./errno.ts";
import { O_CLOEXEC, O_CREAT, O_EXCL, O_RDONLY } from "./flags.ts";
import { check, cString, errnoOf, type ServerLibc } from "./libc.ts";
import { MS_BIND } from "./mount_options.ts";
import { unmount } from "./mounts.ts";
import { unlink } from "./remove_files.ts";
import { fileSystemType, NSFS_MAGIC } from "./statfs.ts";

const CLONE_NEWNET = 0x40000000;
/** Of this thread alone: /proc/self would be the process's first thread. */
const OWN_NETNS = "/proc/thread-self/ns/net";

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SIOCGIFFLAGS = 0x8913n;
const SIOCSIFFLAGS = 0x8914n;
const IFF_UP = 1;
/** struct ifreq: the name (16 bytes), then the flags. */
const IFREQ_BYTES = 40;
const IFREQ_FLAGS_OFFSET = 16;

/**
 * This thread can't return to the node's network. Whatever it did from here on would be done in a
 * pod's namespace, so the compartment ends with it: it is also thrown where nobody can catch it.
 */
export class NamespaceLost extends CriError {
  constructor(errno: number) {
    super("internal", `The thread can't return to the node's network: ${errnoText(errno)}`, {
      remedy: "the compartment is started again by itself",
    });
  }
}

/**
 * Makes a network namespace with its loopback up and pins it at `path`, whose folder is made when
 * missing. On failure nothing is left.
 *
 * @throws CriError alreadyExists when the path is taken; {@link NamespaceLost}
 */
export function pinNetns(libc: ServerLibc, path: string): void {
  pinAt(libc, path, () =>
    inNewNetns(libc, () => {
      setLoopbackUp(libc);
      bindNetns(libc, OWN_NETNS, path);
    }));
}

/**
 * Pins the network namespace that a process is in at `path`. On failure nothing is left.
 *
 * @throws CriError alreadyExists when the path is taken, notFound for a process that isn't there
 */
export function pinNetnsOf(libc: ServerLibc, pid: number, path: string): void {
  pinAt(libc, path, () => bindNetns(libc, `/proc/${pid}/ns/net`, path));
}

/** Makes the file that the namespace is bound to. */
function pinAt(libc: ServerLibc, path: string, bind: () => void): void {
  Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  const flags = O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC;
  const action = `pin a network namespace at ${path}`;
  libc.close(check(libc, libc.open(cString(path), flags, 0o444), action));
  try {
    bind();
  } catch (error) {
    if (error instanceof NamespaceLost) throw error;
    throw cleanUp(libc, path, during(`Cannot ${action}`, error));
  }
}

function bindNetns(libc: ServerLibc, source: string, path: string): void {
  const flags = BigInt(MS_BIND);
  const result = libc.mount(cString(source), cString(path), cString(""), flags, cString(""));
  check(libc, result, "bind it");
}

/** The first error with what couldn't be taken back. */
function cleanUp(libc: ServerLibc, path: string, error: CriError): CriError {
  try {
    unpinNetns(libc, path);
  } catch (problem) {
    error.leftovers = [...error.leftovers, toCriError(problem).message];
  }
  return error;
}

/** IPv4 and IPv6, in this order. */
export type SocketPair = readonly [ipv4: number, ipv6: number | undefined];

/**
 * TCP sockets that are not connected yet, in the namespace pinned at a path; "" is the node's own.
 * They stay in it wherever they are used. Without IPv6 on the node there is none of that.
 *
 * @throws CriError notFound when nothing is pinned there; {@link NamespaceLost}
 */
export function socketsIn(libc: ServerLibc, path: string): SocketPair {
  if (path === "") return tcpSockets(libc);
  const open = libc.open(cString(path), O_RDONLY | O_CLOEXEC, 0);
  const pod = check(libc, open, `open the network namespace ${path}`);
  try {
    return atHome(libc, () => {
      check(libc, libc.setns(pod, CLONE_NEWNET), `enter the network namespace ${path}`);
      return tcpSockets(libc);
    });
  } finally {
    libc.close(pod);
  }
}

function tcpSockets(libc: ServerLibc): SocketPair {
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  const ipv4 = check(libc, libc.socket(AF_INET, type, 0), "make a socket");
  const ipv6 = libc.socket(AF_INET6, type, 0);
  return [ipv4, ipv6 < 0 ? undefined : ipv6];
}

/** Does something that may leave the thread in another namespace, and comes back. */
function atHome<T>(libc: ServerLibc, work: () => T): T {
  const open = libc.open(cString(OWN_NETNS), O_RDONLY | O_CLOEXEC, 0);
  const home = check(libc, open, "open the node's network namespace");
  try {
    try {
      return work();
    } finally {
      returnTo(libc, home);
    }
  } finally {
    libc.close(home);
  }
}

function inNewNetns(libc: ServerLibc, work: () => void): void {
  atHome(libc, () => {
    check(libc, libc.unshare(CLONE_NEWNET), "make a network namespace");
    work();
  });
}

function returnTo(libc: ServerLibc, home: number): void {
  if (libc.setns(home, CLONE_NEWNET) === 0) return;
  const error = new NamespaceLost(errnoOf(libc));
  queueMicrotask(() => {
    throw error;
  });
  throw error;
}

/** Pods expect 127.0.0.1 to work also without CNI's loopback plugin. */
function setLoopbackUp(libc: ServerLibc): void {
  const type = SOCK_DGRAM | SOCK_CLOEXEC;
  const fd = check(libc, libc.socket(AF_INET, type, 0), "make a socket in it");
  try {
    const request = new DataView(new ArrayBuffer(IFREQ_BYTES));
    new Uint8Array(request.buffer).set(cString("lo"));
    check(libc, libc.ioctl(fd, SIOCGIFFLAGS, request.buffer), "read the state of its loopback");
    const flags = request.getUint16(IFREQ_FLAGS_OFFSET, true);
    request.setUint16(IFREQ_FLAGS_OFFSET, flags | IFF_UP, true);
    check(libc, libc.ioctl(fd, SIOCSIFFLAGS, request.buffer), "set its loopback up");
  } finally {
    libc.close(fd);
  }
}

/** Takes the pin and its file away; the namespace goes with the last process in it. Gone is done. */
export function unpinNetns(libc: ServerLibc, path: string): void {
  unmount(libc, path);
  unlink(libc, path, 0);
}

/** Whether a path is a pinned namespace now, and not just the file that is left after a reboot. */
export function isNetns(libc: ServerLibc, path: string): boolean {
  try {
    return fileSystemType(libc, path) === NSFS_MAGIC;
  } catch (error) {
    if (error instanceof CriError && error.kind === "notFound") return false;
    throw error;
  }
}
