/** Folders of pods, which other users of the node don't enter. */

/** What lies above is passed through, by the root of a user namespace, and not listed. */
const PASSABLE = 0o711;

/**
 * Makes a folder that root enters, and one group: that of a user namespace's root, whose mounts
 * begin in it. That the ids in its path are hard to guess protects nothing: the kernel shows them.
 */
export async function makePrivateFolder(path: string, group: number | undefined): Promise<void> {
  const make = () => Deno.mkdir(path, { mode: 0o700 });
  try {
    await make();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true, mode: PASSABLE });
      await make();
    } else if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
  if (group === undefined) return;
  await Deno.chown(path, 0, group);
  await Deno.chmod(path, 0o710);
}
