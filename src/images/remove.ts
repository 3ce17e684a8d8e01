/** RemoveImage. */
import { during } from "../base/errors.ts";
import { unlessGone } from "../base/gone.ts";
import type { Images } from "../containerd/images.ts";
import type { ImageStore } from "./store.ts";

export interface RemoveDeps {
  readonly images: Pick<Images, "delete">;
  readonly store: Pick<ImageStore, "find" | "refresh">;
}

/**
 * Removes an image under all its names, whichever of them it is asked by; the CRI knows no untagging.
 * One that isn't there is removed already. Returns once the space is free, unless a container uses it.
 */
export async function removeImage(
  deps: RemoveDeps,
  idOrName: string,
  signal: AbortSignal,
): Promise<void> {
  const image = deps.store.find(idOrName);
  if (image === undefined) return;
  const last = image.names.length - 1;
  for (const [index, name] of image.names.entries()) {
    try {
      await unlessGone(deps.images.delete(name, { signal, sync: index === last }));
    } catch (error) {
      throw during(`Cannot remove image ${image.id}`, error);
    }
    await deps.store.refresh(name, signal);
  }
}
