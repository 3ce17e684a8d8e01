/** ListImages. */
import type { Image as CriImage, ImageFilter } from "../gen/cri/v1/api.ts";
import { toCriImage } from "./cri_image.ts";
import type { ImageStore } from "./store.ts";

/** All images, or the one that the filter names. */
export function listImages(
  { store }: { store: Pick<ImageStore, "find" | "list"> },
  filter: ImageFilter | undefined,
): CriImage[] {
  const wanted = filter?.image?.image ?? "";
  if (wanted === "") return store.list().map(toCriImage);
  const image = store.find(wanted);
  return image === undefined ? [] : [toCriImage(image)];
}
