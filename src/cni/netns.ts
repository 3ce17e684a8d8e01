/** Whether a network namespace is at its path. */

/**
 * A pinned namespace is a mount of its own: a file that lies on its folder's device was left
 * behind by an unmount or a reboot. One that can't be looked at is taken to be there.
 *
 * Looked at here and now: it lies in memory, and to ask another thread takes many times as long.
 */
export function hasNetns(path: string): boolean {
  if (path === "") return false;
  try {
    const folder = path.slice(0, path.lastIndexOf("/") + 1);
    return Deno.statSync(path).dev !== Deno.statSync(folder).dev;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}
