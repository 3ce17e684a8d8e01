/** The processes of a cgroup and of all that a container has made below it, as an init in it does. */
import { pick, type ReadFile } from "./cgroup_files.ts";
import type { Cgroup } from "./cgroups.ts";

export interface CgroupReader {
  readonly readFile: ReadFile;
  /** Names in a folder. @throws when it isn't there */
  listFolder(path: string): string[];
}

/** Who may make cgroups in a container makes as many as they like: no more than these are read. */
export const MAX_CGROUPS = 1_000;

/** Undefined when the cgroup has gone. */
export function processesIn(reader: CgroupReader, cgroup: Cgroup): number[] | undefined {
  const top = cgroup.version === 1 ? cgroup.controllers.get("pids") : cgroup.folder;
  const own = top === undefined ? undefined : pidsOf(reader, top);
  if (top === undefined || own === undefined) return undefined;
  const pids = own;
  const open = [top];
  let count = 1;
  for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
    for (const name of namesIn(reader, folder)) {
      // Only a cgroup has such a file: what is a file itself has nothing below it.
      const below = `${folder}/${name}`;
      const found = pidsOf(reader, below);
      if (found === undefined) continue;
      if (++count > MAX_CGROUPS) return pids;
      pids.push(...found);
      open.push(below);
    }
  }
  return pids;
}

/** A process of another pid namespace shows as 0. */
function pidsOf({ readFile }: CgroupReader, folder: string): number[] | undefined {
  return readFile(`${folder}/cgroup.procs`)?.split("\n").filter((line) => line !== "").map(Number);
}

function namesIn({ readFile, listFolder }: CgroupReader, folder: string): string[] {
  // Version 2 tells when there is nothing below, as there mostly isn't; a list costs much more.
  const { nr_descendants } = pick(readFile(`${folder}/cgroup.stat`), ["nr_descendants"]);
  if (nr_descendants === 0n) return [];
  try {
    return listFolder(folder);
  } catch {
    return []; // It has gone meanwhile.
  }
}
