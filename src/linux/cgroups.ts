/** Cgroups that a runtime made and did not live to remove, in every hierarchy of v1 and v2. */
import { pause } from "../base/pause.ts";
import { EBUSY, linuxError } from "./errno.ts";
import { listFolder, readFileIfAny } from "./files.ts";
import { AT_FDCWD, AT_REMOVEDIR } from "./flags.ts";
import { cString, type ServerLibc } from "./libc.ts";
import { stat } from "./stat.ts";

const SIGKILL = 9;

/** A killed process leaves its cgroup when the kernel has torn it down. */
const TRIES = 100;
const TRY_MS = 20;

/** Mount points of cgroup file systems: https://docs.kernel.org/filesystems/proc.html, 3.5. */
export function cgroupMounts(mountinfo: string): string[] {
  return mountinfo.split("\n").flatMap((line) => {
    const [mount = "", fileSystem = ""] = line.split(" - ");
    const point = mount.split(" ")[4];
    return /^cgroup2? /.test(fileSystem) && point !== undefined ? [point] : [];
  });
}

/**
 * Kills what is in a cgroup and removes it with all that is below it. Gone is done.
 *
 * @param path from the root of the hierarchies on; it is a container's, never its parent's
 * @throws CriError failedPrecondition when a process in it doesn't end
 */
export async function removeCgroup(
  libc: ServerLibc,
  { path, mounts }: { path: string; mounts: readonly string[] },
): Promise<void> {
  for (const mount of mounts) {
    for (let tries = 1; !removeTree(libc, `${mount}${path}`); tries++) {
      if (tries === TRIES) throw linuxError(`remove cgroup ${mount}${path}`, EBUSY);
      await pause(TRY_MS);
    }
  }
}

/** True when nothing is there any more, false while processes are still ending. */
function removeTree(libc: ServerLibc, folder: string): boolean {
  if (remove(libc, folder)) return true;
  killAll(libc, folder);
  for (const name of listFolder(libc, folder)) {
    const path = `${folder}/${name}`;
    const isFolder = stat(libc, { path, followLinks: false })?.kind === "folder";
    if (isFolder && !removeTree(libc, path)) return false;
  }
  return remove(libc, folder);
}

function remove(libc: ServerLibc, folder: string): boolean {
  if (libc.unlinkat(AT_FDCWD, cString(folder), AT_REMOVEDIR) === 0) return true;
  // Not asked of errno, which calls of the JavaScript engine in between can overwrite.
  return stat(libc, { path: folder, followLinks: false }) === undefined;
}

/**
 * Cgroups whose own name fits and in which, and below which, no process is in any hierarchy.
 *
 * @returns paths from the root of the hierarchies on
 */
export function emptyCgroups(
  libc: ServerLibc,
  { mounts, isName }: { mounts: readonly string[]; isName: (name: string) => boolean },
): string[] {
  const isEmpty = new Map<string, boolean>();
  for (const mount of mounts) {
    for (const path of cgroupsBelow(libc, mount, isName)) {
      const before = isEmpty.get(path) ?? true;
      isEmpty.set(path, before && !hasProcess(libc, `${mount}${path}`));
    }
  }
  return [...isEmpty].flatMap(([path, isSo]) => isSo ? [path] : []);
}

/** Those with a fitting name, in no order; what is below one of them isn't looked for. */
function cgroupsBelow(
  libc: ServerLibc,
  mount: string,
  isName: (name: string) => boolean,
): string[] {
  const found: string[] = [];
  const open = [""];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    for (const name of foldersIn(libc, `${mount}${path}`)) {
      (isName(name) ? found : open).push(`${path}/${name}`);
    }
  }
  return found;
}

function hasProcess(libc: ServerLibc, folder: string): boolean {
  const procs = readFileIfAny(libc, `${folder}/cgroup.procs`) ?? "";
  return procs !== "" ||
    foldersIn(libc, folder).some((name) => hasProcess(libc, `${folder}/${name}`));
}

/** None when the cgroup has gone meanwhile. */
function foldersIn(libc: ServerLibc, folder: string): string[] {
  const at = stat(libc, { path: folder, followLinks: false });
  if (at?.kind !== "folder") return [];
  return listFolder(libc, folder).filter((name) =>
    stat(libc, { path: `${folder}/${name}`, followLinks: false })?.kind === "folder"
  );
}

function killAll(libc: ServerLibc, folder: string): void {
  const pids = (readFileIfAny(libc, `${folder}/cgroup.procs`) ?? "").split("\n").map(Number);
  // A process of another pid namespace shows as 0, which would mean all of our own. One that has
  // ended meanwhile is no failure, and one that stays keeps the cgroup, which is told.
  for (const pid of pids.filter((pid) => pid > 0)) libc.kill(pid, SIGKILL);
}
