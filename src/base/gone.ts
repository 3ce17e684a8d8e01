/** Removing what is gone is done. */
import { isKind } from "./errors.ts";

/** Waits for a removal; that there was nothing to remove is success. */
export async function unlessGone(removal: Promise<unknown>): Promise<void> {
  try {
    await removal;
  } catch (error) {
    if (!isKind(error, "notFound")) throw error;
  }
}

/** Removes a file or folder with all that is in it; gone is done. */
export async function removePath(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
