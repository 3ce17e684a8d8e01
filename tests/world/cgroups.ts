/** Cgroups of a test's pods, in the hierarchies of cgroup v1 and v2. */
import { eventually } from "./delay.ts";
import { filesOf } from "./network.ts";

const ROOT = "/sys/fs/cgroup";
const EMPTY_TIMEOUT_MS = 30_000;

/** The cgroups below a parent, as paths; the parent itself is the kubelet's to make and remove. */
export async function cgroupsIn(parent: string): Promise<string[]> {
  const found: string[] = [];
  for (const top of await topsOf(parent)) {
    for (const name of await foldersOf(top)) found.push(`cgroup ${top}/${name}`);
  }
  return found;
}

/** Removes a parent and what is below it, as soon as the killed processes in it are gone. */
export async function removeCgroup(parent: string): Promise<void> {
  await eventually(`cgroup ${parent} to be empty`, async () => {
    try {
      for (const top of await topsOf(parent)) await removeTree(top);
      return true;
    } catch (error) {
      // Deno has a class for it and doesn't use it.
      if (error instanceof Error && "code" in error && error.code === "EBUSY") return false;
      throw error;
    }
  }, EMPTY_TIMEOUT_MS);
}

/** Where the parent is: once in cgroup v2, once a controller in v1. */
async function topsOf(parent: string): Promise<string[]> {
  const roots = [ROOT, ...(await foldersOf(ROOT)).map((name) => `${ROOT}/${name}`)];
  const tops = await Promise.all(roots.map(async (root) => {
    const names = await filesOf(root);
    return names.includes(parent.slice(1)) ? [`${root}${parent}`] : [];
  }));
  return tops.flat();
}

async function removeTree(folder: string): Promise<void> {
  for (const name of await foldersOf(folder)) await removeTree(`${folder}/${name}`);
  await Deno.remove(folder);
}

async function foldersOf(dir: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(dir));
  return entries.filter((entry) => entry.isDirectory).map((entry) => entry.name);
}
