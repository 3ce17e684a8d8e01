/** Folders of pods, which other users of the node don't enter. */

/** What lies above is passed through, by the root of a user namespace, and not listed. */
const PASSABLE = 0o711;

/**
 * Makes a folder that root enters, and one group: that of a user namespace's root, whose mounts
 * begin in it. That the ids in its path are hard to guess protects nothing: the kernel shows them.
 */
export async function makePrivateFolder(path: string, group: number | undefined): Promise<void> {
  try {
    await makeFolder(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    // The first one on the node.
    const parent = path.slice(0, path.lastIndexOf("/"));
    await Deno.mkdir(parent, { recursive: true, mode: PASSABLE });
    await makeFolder(path);
  }
  if (group === undefined) return;
  await Deno.chown(path, 0, group);
  await Deno.chmod(path, 0o710);
}

async function makeFolder(path: string): Promise<void> {
  try {
    await Deno.mkdir(path, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
  }
}
