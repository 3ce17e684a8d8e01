/** ListImages: each image serialised once per change. */
import { Image as CriImage, type ImageFilter } from "../gen/cri/v1/api.ts";
import { Encoded, entriesOf, joinEntries } from "../state/encoded.ts";
import { toCriImage } from "./cri_image.ts";
import type { Image } from "./image.ts";
import type { ImageStore } from "./store.ts";

export interface ListDeps {
  readonly store: Pick<ImageStore, "find" | "list">;
}

/** Field number of ListImagesResponse.images and StreamImagesResponse.images. */
const IMAGES = 1;

const entry = entriesOf<Image>(IMAGES, (image) => CriImage.encode(toCriImage(image)).finish());

/** All images, or the one that the filter names. */
export function listImages(deps: ListDeps, filter: ImageFilter | undefined): Encoded {
  return new Encoded(joinEntries(imageEntries(deps, filter)));
}

/** The entries of the list, for a stream of it. */
export function imageEntries({ store }: ListDeps, filter: ImageFilter | undefined): Uint8Array[] {
  const wanted = filter?.image?.image ?? "";
  if (wanted === "") return store.list().map(entry);
  const image = store.find(wanted);
  return image === undefined ? [] : [entry(image)];
}
