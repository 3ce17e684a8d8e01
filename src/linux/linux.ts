/** What the server compartment gets from the kernel. A fake stands in for it in tests. */
import { capabilitiesOf } from "./capabilities.ts";
import { type Device, devices, devicesAt } from "./devices.ts";
import { cgroupMounts, removeCgroup } from "./cgroups.ts";
import { datagramSocket } from "./datagrams.ts";
import { keepSocketsFromPrograms } from "./close_on_exec.ts";
import { listFolder, readBytesIfAny, readFile, readFileIfAny } from "./files.ts";
import { closeSockets, socketName } from "./handed_sockets.ts";
import { findInRoot, readInRoot } from "./in_root.ts";
import { openLibc, revokeFfi, type ServerLibc } from "./libc.ts";
import { mountPointsUnder, type Sharing, sharingAt } from "./mountinfo.ts";
import {
  bindMount,
  type BindOptions,
  mountAll,
  type MountEntry,
  mountTmpfs,
  type TmpfsOptions,
  unmount,
} from "./mounts.ts";
import { makeLink, resolveHostPath } from "./host_path.ts";
import { isNetns, pinNetns, pinNetnsOf, type SocketPair, socketsIn, unpinNetns } from "./netns.ts";
import { removeFiles } from "./remove_files.ts";
import { endOrphanedShims } from "./shims.ts";
import { type OpenFiles, openFilesOf } from "./open_files.ts";
import { type FileSystemSpace, statfs } from "./statfs.ts";
import { SERVER_SYMBOLS } from "./symbols.ts";

export interface Linux {
  /**
   * Makes a network namespace with its loopback up and pins it at a path; missing folders are made.
   * On failure nothing is left.
   *
   * @throws CriError alreadyExists when the path is taken; `NamespaceLost` when the thread can't
   *   return to the node's namespace, which ends the compartment
   */
  pinNetns(path: string): void;
  /**
   * Pins the network namespace that a process is in. On failure nothing is left.
   *
   * @throws CriError alreadyExists when the path is taken, notFound for a process that isn't there
   */
  pinNetnsOf(pid: number, path: string): void;
  /** Takes the pin and its file away; gone is done. */
  unpinNetns(path: string): void;
  /** Whether a path is a pinned namespace now; after a reboot only its file is left. */
  isNetns(path: string): boolean;
  /**
   * TCP sockets in a pinned namespace ("": the node's), not connected yet; the caller hands them on.
   *
   * @throws CriError notFound when nothing is pinned there
   */
  socketsIn(path: string): SocketPair;
  /** What a socket is called for as long as it is open; undefined for a number that is none. */
  socketName(fd: number): string | undefined;
  /** Closes sockets by their names, whatever numbers they have; gone is done. */
  closeSockets(names: ReadonlySet<string>): void;
  mountTmpfs(target: string, options?: TmpfsOptions): void;
  bindMount(source: string, target: string, options?: BindOptions): void;
  /** Mounts as containerd's snapshotters describe them, one over the other; undone on failure. */
  mountAll(mounts: readonly MountEntry[], target: string): void;
  /** Takes every mount at the path away (lazily); not mounted, or no such path, is done. */
  unmount(path: string): void;
  /** Mount points at or below a path, the deepest last. */
  mountsUnder(prefix: string): string[];
  /** @throws CriError notFound for a path that isn't there */
  statfs(path: string): FileSystemSpace;
  /** Names such as CAP_SYS_ADMIN. */
  effectiveCapabilities(): Set<string>;
  /**
   * A file as text: the way to /proc, /sys and /dev, which Deno doesn't open to a compartment.
   *
   * @throws CriError notFound, and resourceExhausted for a file over `maxBytes`
   */
  readFile(path: string, maxBytes?: number): string;
  /** The same, quickly; undefined when it can't be read. */
  readFileIfAny(path: string): string | undefined;
  /** A file that need not be text; undefined when it can't be read. @throws CriError as readFile */
  readBytesIfAny(path: string, maxBytes: number): Uint8Array | undefined;
  /** What a process has open; undefined for one that has ended. */
  openFilesOf(pid: number): OpenFiles | undefined;
  /** A socket for datagrams to a unix socket; whoever sends connects it. */
  datagramSocket(): number;
  /** Names in a folder. @throws CriError notFound */
  listFolder(path: string): string[];
  /**
   * A regular file below a root, with links followed inside that root only; undefined when there
   * is none.
   *
   * @throws CriError resourceExhausted for a file over `maxBytes`
   */
  readInRoot(root: string, path: string, maxBytes: number): Promise<string | undefined>;
  /**
   * The path without links of what lies at a path below a root, with links followed inside that
   * root only; undefined when nothing does.
   */
  findInRoot(root: string, path: string): string | undefined;
  /**
   * A path of the node without links; a folder is made where nothing is. It waits as long as the
   * path's file system does.
   */
  resolveHostPath(path: string): Promise<string>;
  /** Makes a symbolic link: Deno lets nobody do so who may not write everywhere. */
  makeLink(target: string, path: string): void;
  /** How the mount that a path lies on shares its changes with others. */
  sharingAt(path: string): Sharing;
  /** The device node at a path, through links, or those below a folder. */
  devicesAt(path: string): Device[];
  /** The node's devices, as a privileged container gets them. */
  devices(): Device[];
  /**
   * Kills the shims of the containerd at this address that it knows nothing of, and gives the ids of
   * their containers.
   */
  endOrphanedShims(address: string): string[];
  /** Keeps every socket that is open now from programs that are started from now on. */
  keepSocketsFromPrograms(): void;
  /** Kills what is in a container's cgroup and removes it; gone is done. */
  removeCgroup(path: string): Promise<void>;
  /** Removes a folder with the files in it; gone is done. */
  removeFiles(folder: string): void;
}

/**
 * Opens libc with the server's symbols and gives the permission for foreign libraries up.
 *
 * @throws CriError failedPrecondition without a fitting libc
 */
export function openLinux(): Linux {
  const libc = openLibc(SERVER_SYMBOLS);
  revokeFfi();
  return linuxOn(libc);
}

/** The same on a libc that is open. */
export function linuxOn(libc: ServerLibc): Linux {
  let found: readonly string[] | undefined;
  const hierarchies = () => found ??= cgroupMounts(readFile(libc, "/proc/self/mountinfo"));
  return {
    pinNetns: (path) => pinNetns(libc, path),
    pinNetnsOf: (pid, path) => pinNetnsOf(libc, pid, path),
    unpinNetns: (path) => unpinNetns(libc, path),
    isNetns: (path) => isNetns(libc, path),
    socketsIn: (path) => socketsIn(libc, path),
    socketName: (fd) => socketName(libc, fd),
    closeSockets: (names) => closeSockets(libc, names),
    mountTmpfs: (target, options) => mountTmpfs(libc, target, options),
    bindMount: (source, target, options) => bindMount(libc, { ...options, source, target }),
    mountAll: (mounts, target) => mountAll(libc, mounts, target),
    unmount: (path) => unmount(libc, path),
    mountsUnder: (prefix) => mountPointsUnder(readFile(libc, "/proc/self/mountinfo"), prefix),
    statfs: (path) => statfs(libc, path),
    effectiveCapabilities: () => capabilitiesOf(readFile(libc, "/proc/thread-self/status")),
    readFile: (path, maxBytes) => readFile(libc, path, maxBytes),
    readFileIfAny: (path) => readFileIfAny(libc, path),
    readBytesIfAny: (path, maxBytes) => readBytesIfAny(libc, path, maxBytes),
    openFilesOf: (pid) => openFilesOf(libc, pid),
    datagramSocket: () => datagramSocket(libc),
    listFolder: (path) => listFolder(libc, path),
    // deno-lint-ignore require-await -- so that its errors reject
    readInRoot: async (root, path, maxBytes) => readInRoot(libc, root, { path, maxBytes }),
    findInRoot: (root, path) => findInRoot(libc, root, path),
    resolveHostPath: (path) => resolveHostPath(libc, path),
    makeLink: (target, path) => makeLink(libc, target, path),
    sharingAt: (path) => sharingAt(readFile(libc, "/proc/self/mountinfo"), path),
    devicesAt: (path) => devicesAt(libc, path),
    devices: () => devices(libc),
    keepSocketsFromPrograms: () => keepSocketsFromPrograms(libc),
    removeCgroup: (path) => removeCgroup(libc, { path, mounts: hierarchies() }),
    removeFiles: (folder) => removeFiles(libc, folder),
    endOrphanedShims: (address) => endOrphanedShims(libc, address),
  };
}
