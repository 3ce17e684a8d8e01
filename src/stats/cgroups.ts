/**
 * Where the cgroups of a process are in the file system. The kernel is asked rather than a name
 * worked out: runtimes and cgroup drivers differ in how they name them.
 */
import type { ReadFile } from "./cgroup_files.ts";

/**
 * One cgroup: its path, as the kernel names it, and its folders. Of version 1 there is one folder a
 * controller, and beside them that of version 2.
 */
export type Cgroup =
  | {
    readonly version: 1;
    readonly path: string;
    readonly controllers: ReadonlyMap<string, string>;
    /** Pressure is told there; undefined where version 2 isn't mounted. */
    readonly unified: string | undefined;
  }
  | { readonly version: 2; readonly path: string; readonly folder: string };

interface Hierarchy {
  /** Path within the hierarchy that is seen at the mount point. */
  readonly root: string;
  readonly mountPoint: string;
}

/** The mounted hierarchies, by controller; "" is version 2. */
export type Hierarchies = ReadonlyMap<string, Hierarchy>;

/** Controllers that statistics are read from. */
const CONTROLLERS = new Set(["cpu", "cpuacct", "memory", "pids", "blkio", "hugetlb", "cpuset"]);

/** Out of /proc/self/mountinfo; see proc_pid_mountinfo(5). */
export function parseHierarchies(mountinfo: string): Hierarchies {
  const found = new Map<string, Hierarchy>();
  for (const line of mountinfo.split("\n")) {
    const [left = "", right = ""] = line.split(" - ");
    const [type, , options = ""] = right.split(" ");
    const [, , , root = "", mountPoint = ""] = left.split(" ");
    const names = type === "cgroup2"
      ? [""]
      : type === "cgroup"
      ? options.split(",").filter((option) => CONTROLLERS.has(option))
      : [];
    // The first mount of a hierarchy is the node's own; later ones are in containers.
    for (const name of names) if (!found.has(name)) found.set(name, { root, mountPoint });
  }
  return found;
}

/**
 * The cgroup of a process, if its name tells that it is that of this id: a pid may have passed to
 * somebody else's process meanwhile.
 */
export function cgroupOf(
  read: ReadFile,
  hierarchies: Hierarchies,
  { pid, id }: { pid: number; id: string },
): Cgroup | undefined {
  const text = read(`/proc/${pid}/cgroup`);
  if (text === undefined) return undefined;
  const folders = new Map<string, string>();
  let path = "";
  for (const line of text.split("\n")) {
    const [, controllers = "", ...rest] = line.split(":");
    const named = upTo(rest.join(":"), id);
    if (named === undefined) continue;
    path = named;
    for (const name of controllers.split(",")) {
      const folder = folderOf(hierarchies.get(name), path);
      if (folder !== undefined) folders.set(name, folder);
    }
  }
  const unified = folders.get("");
  folders.delete("");
  if (folders.size > 0) return { version: 1, path, controllers: folders, unified };
  return unified === undefined ? undefined : { version: 2, path, folder: unified };
}

/** A process may have gone into a cgroup below its container's, as systemd does in a container. */
function upTo(path: string, id: string): string | undefined {
  const names = path.split("/");
  const at = names.findIndex((name) => name.includes(id));
  return at < 0 ? undefined : names.slice(0, at + 1).join("/");
}

function folderOf(hierarchy: Hierarchy | undefined, path: string): string | undefined {
  if (hierarchy === undefined) return undefined;
  const { root, mountPoint } = hierarchy;
  if (root === "/") return `${mountPoint}${path}`;
  return path === root || path.startsWith(`${root}/`)
    ? `${mountPoint}${path.slice(root.length)}`
    : undefined;
}

/** The cgroup above; that of a pod is above those of its containers. */
export function parentCgroup(cgroup: Cgroup): Cgroup {
  const path = parentFolder(cgroup.path);
  if (cgroup.version === 2) return { version: 2, path, folder: parentFolder(cgroup.folder) };
  const controllers = new Map<string, string>();
  for (const [name, folder] of cgroup.controllers) controllers.set(name, parentFolder(folder));
  return {
    version: 1,
    path,
    controllers,
    unified: cgroup.unified === undefined ? undefined : parentFolder(cgroup.unified),
  };
}

function parentFolder(folder: string): string {
  return folder.slice(0, folder.lastIndexOf("/"));
}
