/** Folders of pods, which other users of the node don't enter. */

/** What lies above is passed through, by the root of a user namespace, and not listed. */
const PASSABLE = 0o711;

/**
 * Makes a folder that root enters, and one group: that of a user namespace's root, whose mounts
 * begin in it. That the ids in its path are hard to guess protects nothing: the kernel shows them.
 */
export async function makePrivateFolder(path: string, group: number | undefined): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: PASSABLE });
  await Deno.mkdir(path, { recursive: true, mode: 0o700 });
  if (group === undefined) return;
  await Deno.chown(path, 0, group);
  await Deno.chmod(path, 0o710);
}
