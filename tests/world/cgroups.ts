/** Cgroups of a test's pods, in the hierarchies of cgroup v1 and v2. */
import { filesOf } from "./network.ts";

const ROOT = "/sys/fs/cgroup";

/** The cgroups below a parent, as paths; the parent itself is the kubelet's to make and remove. */
export async function cgroupsIn(parent: string): Promise<string[]> {
  const found: string[] = [];
  for (const top of await topsOf(parent)) {
    for (const name of await foldersOf(top)) found.push(`cgroup ${top}/${name}`);
  }
  return found;
}

/** Removes a parent and what is below it; the processes in it must have ended. */
export async function removeCgroup(parent: string): Promise<void> {
  for (const top of await topsOf(parent)) await removeTree(top);
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
