/**
 * Everything that is ever called in libc: a closed list, by compartment.
 * docs/permissions.md shows {@link SYMBOLS}; what isn't here can't be called, for `ffi` is revoked
 * as soon as the library is open.
 */

type Definition = Deno.ForeignFunction;

const PATH = "buffer";
const FD = "i32";
/** Memory of libc's own, as a number: with it no permission is needed to reckon. */
const ADDRESS = "usize";

/** open(2)'s and ioctl(2)'s last argument is variadic; both ABIs pass it like a named one. */
const DEFINITIONS = {
  open: { parameters: [PATH, "i32", "u32"], result: FD },
  openat: { parameters: [FD, PATH, "i32", "u32"], result: FD },
  openLater: {
    name: "open",
    parameters: [ADDRESS, "i32", "u32"],
    result: FD,
    nonblocking: true,
  },
  close: { parameters: [FD], result: "i32" },
  read: { parameters: [FD, "buffer", "usize"], result: "isize" },
  readlinkat: { parameters: [FD, PATH, "buffer", "usize"], result: "isize" },
  statx: { parameters: [FD, PATH, "i32", "u32", "buffer"], result: "i32" },
  statfs: { parameters: [PATH, "buffer"], result: "i32" },
  getxattr: { parameters: [PATH, PATH, "buffer", "usize"], result: "isize" },
  setxattr: { parameters: [PATH, PATH, "buffer", "usize", "i32"], result: "i32" },
  mkdirLater: {
    name: "mkdirat",
    parameters: [FD, ADDRESS, "u32"],
    result: "i32",
    nonblocking: true,
  },
  mkdirat: { parameters: [FD, PATH, "u32"], result: "i32" },
  symlinkat: { parameters: [PATH, FD, PATH], result: "i32" },
  unlinkat: { parameters: [FD, PATH, "i32"], result: "i32" },
  opendir: { parameters: [PATH], result: ADDRESS },
  readdir: { parameters: [ADDRESS], result: ADDRESS },
  closedir: { parameters: [ADDRESS], result: "i32" },
  unshare: { parameters: ["i32"], result: "i32" },
  setns: { parameters: [FD, "i32"], result: "i32" },
  mount: { parameters: [PATH, PATH, PATH, "u64", "buffer"], result: "i32" },
  umount2: { parameters: [PATH, "i32"], result: "i32" },
  socket: { parameters: ["i32", "i32", "i32"], result: FD },
  kill: { parameters: ["i32", "i32"], result: "i32" },
  connect: { parameters: [FD, "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: [FD, "i32", "i32", "buffer", "buffer"], result: "i32" },
  shutdown: { parameters: [FD, "i32"], result: "i32" },
  ioctl: { parameters: [FD, "u64", "buffer"], result: "i32" },
  mkfifo: { parameters: [PATH, "u32"], result: "i32" },
  fcntl: { parameters: [FD, "i32", "i32"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: FD },
  epoll_ctl: { parameters: [FD, "i32", FD, "buffer"], result: "i32" },
  epoll_wait: {
    parameters: [FD, ADDRESS, "i32", "i32"],
    result: "i32",
    nonblocking: true,
  },
  eventfd: { parameters: ["u32", "i32"], result: FD },
  eventfd_write: { parameters: [FD, "u64"], result: "i32" },
  write: { parameters: [FD, ADDRESS, "usize"], result: "isize" },
  writeNow: { name: "write", parameters: [FD, "buffer", "usize"], result: "isize" },
  writeLater: {
    name: "write",
    parameters: [FD, ADDRESS, "usize"],
    result: "isize",
    nonblocking: true,
  },
  malloc: { parameters: ["usize"], result: ADDRESS },
  free: { parameters: [ADDRESS], result: "void" },
  copyOut: { name: "memcpy", parameters: ["buffer", ADDRESS, "usize"], result: ADDRESS },
  copyIn: { name: "memcpy", parameters: [ADDRESS, "buffer", "usize"], result: ADDRESS },
  __errno_location: { parameters: [], result: ADDRESS },
} as const satisfies Record<string, Definition>;

type Name = keyof typeof DEFINITIONS;

function choose<N extends Name>(...names: N[]): Pick<typeof DEFINITIONS, N> {
  const chosen = names.map((name) => [name, DEFINITIONS[name]]);
  return Object.fromEntries(chosen);
}

/** For the folder walks and error numbers of both. */
const COMMON = [
  "open",
  "openat",
  "close",
  "read",
  "readlinkat",
  "opendir",
  "readdir",
  "closedir",
  "copyOut",
  "__errno_location",
] as const;

/** Namespaces, mounts, the end of lost shims, and looking at /proc, /sys, /dev and images' files. */
export const SERVER_SYMBOLS = choose(
  ...COMMON,
  "openLater",
  "malloc",
  "free",
  "copyIn",
  "mkdirLater",
  "symlinkat",
  "statx",
  "statfs",
  "unlinkat",
  "unshare",
  "setns",
  "mount",
  "umount2",
  "socket",
  "ioctl",
  "kill",
  "fcntl",
);

/** Labels of files: the server has them beside its own where SELinux is switched on, else nobody. */
export const LABEL_SYMBOLS = choose(...COMMON, "statx", "getxattr", "setxattr");

/**
 * FIFOs, log files, waiting for output, and connecting sockets: those that the server made in a pod's
 * network, for there is no `socket` among these.
 */
export const IO_SYMBOLS = choose(
  ...COMMON,
  "mkdirat",
  "mkfifo",
  "fcntl",
  "clock_gettime",
  "epoll_create1",
  "epoll_ctl",
  "epoll_wait",
  "eventfd",
  "eventfd_write",
  "write",
  "writeNow",
  "writeLater",
  "malloc",
  "free",
  "copyIn",
  "connect",
  "getsockopt",
  "shutdown",
);

/** One row of the table of symbols. */
export interface SymbolRow {
  /** Name in libc. */
  readonly symbol: string;
  /** Parameters and result as Deno's FFI names them. */
  readonly signature: string;
  readonly server: boolean;
  readonly io: boolean;
  /** Held by the server alone, and only where SELinux is switched on. */
  readonly selinux: boolean;
}

/** Every symbol with its signature and the compartments that hold it. */
export const SYMBOLS: readonly SymbolRow[] = Object.entries(DEFINITIONS).map(
  ([name, definition]: [string, Definition]) => ({
    symbol: definition.name ?? name,
    signature: `(${definition.parameters.join(", ")}): ${definition.result}`,
    server: name in SERVER_SYMBOLS,
    io: name in IO_SYMBOLS,
    selinux: name in LABEL_SYMBOLS && !(name in SERVER_SYMBOLS),
  }),
);
