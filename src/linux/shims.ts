/**
 * Shims that nobody knows: containerd starts a shim by a program of its own, and a caller that dies at
 * the wrong moment has containerd kill that program when it has started the shim already. containerd
 * then deletes the bundle and forgets both; the shim waits for ever for a call that nobody makes.
 */
import { linuxError } from "./errno.ts";
import { listFolder, readFileIfAny, readLink } from "./files.ts";
import { errnoOf, type ServerLibc } from "./libc.ts";
import { stat } from "./stat.ts";

const SIGKILL = 9;

/** What the kernel writes behind the name of a folder that is gone. */
const DELETED = " (deleted)";

/** The arguments of a process, if it is a shim of this containerd. */
export function isShimOf(address: string, args: readonly string[]): boolean {
  const program = args[0]?.split("/").at(-1) ?? "";
  return program.startsWith("containerd-shim-") && valueOf(args, "-address") === address;
}

/** A shim of a containerd. */
export interface Shim {
  readonly pid: number;
  /** The container that it was started for: a pod's own. */
  readonly id: string;
  /** containerd's namespace. */
  readonly namespace: string;
  /** The shim works in its bundle, which lives as long as containerd knows of it. */
  readonly isForgotten: boolean;
}

/** The shims of the containerd at this address. */
export function shimsOf(libc: ServerLibc, address: string): Shim[] {
  return listFolder(libc, "/proc").filter((name) => /^\d+$/.test(name)).flatMap((pid) => {
    const args = argumentsOf(libc, pid);
    if (!isShimOf(address, args)) return [];
    return [{
      pid: Number(pid),
      id: valueOf(args, "-id") ?? "",
      namespace: valueOf(args, "-namespace") ?? "",
      isForgotten: workingFolder(libc, pid).endsWith(DELETED),
    }];
  });
}

/** Kills a shim with the processes that it holds. */
export function endShim(libc: ServerLibc, pid: number): void {
  for (const child of childrenOf(libc, pid)) kill(libc, Number(child));
  kill(libc, pid);
}

/**
 * Kills the shims of a containerd whose bundle is gone, with the processes that they hold.
 *
 * @returns the ids of the containers that they were started for
 */
export function endOrphanedShims(libc: ServerLibc, address: string): string[] {
  const forgotten = shimsOf(libc, address).filter(({ isForgotten }) => isForgotten);
  for (const { pid } of forgotten) endShim(libc, pid);
  return forgotten.map(({ id }) => id);
}

function valueOf(args: readonly string[], flag: string): string | undefined {
  const at = args.indexOf(flag);
  return at < 0 ? undefined : args[at + 1];
}

function argumentsOf(libc: ServerLibc, pid: string): string[] {
  return textOf(libc, `/proc/${pid}/cmdline`).split("\0");
}

function workingFolder(libc: ServerLibc, pid: string): string {
  return readLink(libc, `/proc/${pid}/cwd`) ?? "";
}

function childrenOf(libc: ServerLibc, pid: number): string[] {
  return textOf(libc, `/proc/${pid}/task/${pid}/children`).split(" ").filter((it) => it !== "");
}

/** "" for a process that has ended since it was listed. */
function textOf(libc: ServerLibc, path: string): string {
  return readFileIfAny(libc, path) ?? "";
}

function kill(libc: ServerLibc, pid: number): void {
  if (libc.kill(pid, SIGKILL) === 0) return;
  const errno = errnoOf(libc);
  // The number may be of a call that the engine made meanwhile.
  const isThere = stat(libc, { path: `/proc/${pid}`, followLinks: false }) !== undefined;
  if (isThere) throw linuxError(`kill process ${pid}`, errno);
}
