/** Whether a network namespace is at its path. */

/**
 * A pinned namespace is a mount of its own: a file that lies on its folder's device was left
 * behind by an unmount or a reboot. One that can't be looked at is taken to be there.
 */
export async function hasNetns(path: string): Promise<boolean> {
  if (path === "") return false;
  try {
    const folder = path.slice(0, path.lastIndexOf("/") + 1);
    const [file, parent] = await Promise.all([Deno.stat(path), Deno.stat(folder)]);
    return file.dev !== parent.dev;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}
