/** Every RPC of the CRI's image service, a row each. */
import { invalidArgument } from "../base/errors.ts";
import type { ImageServiceDefinition, ImageSpec } from "../gen/cri/v1/api.ts";
import { imageEntries, listImages } from "../images/list.ts";
import { type ImagePuller, toRegistryAuth } from "../images/puller.ts";
import { type RemoveDeps, removeImage } from "../images/remove.ts";
import { imageStatus, type StatusDeps } from "../images/status.ts";
import type { ImageStore } from "../images/store.ts";
import type { ImageUsage } from "../images/usage.ts";
import { runtimeFor, type Settings } from "../state/settings.ts";
import { inMessages } from "./entries.ts";
import type { Handlers } from "./service_definition.ts";
import { checkNoNul } from "./validate/fields.ts";

export interface ImageDeps extends RemoveDeps, StatusDeps {
  readonly store: ImageStore;
  readonly puller: ImagePuller;
  readonly usage: Pick<ImageUsage, "fsInfo">;
  readonly settings: Settings;
}

export function imageService(deps: ImageDeps): Handlers<typeof ImageServiceDefinition> {
  return {
    listImages: ({ filter }) => listImages(deps, filter),
    streamImages: ({ filter }) => inMessages(imageEntries(deps, filter)),
    imageStatus: ({ image, verbose }, signal) =>
      imageStatus(deps, { image: nameOf(image), verbose }, signal),
    pullImage: async ({ image, auth }, signal) => {
      const reference = nameOf(image);
      const { snapshotter } = runtimeFor(deps.settings, image?.runtimeHandler ?? "");
      const credentials = toRegistryAuth(auth);
      const pull = { reference, snapshotter, ...(credentials && { auth: credentials }) };
      const { imageId } = await deps.puller.pull(pull, signal);
      return { imageRef: imageId };
    },
    removeImage: async ({ image }, signal) => {
      await removeImage(deps, nameOf(image), signal);
      return {};
    },
    imageFsInfo: (_request, signal) => deps.usage.fsInfo(signal),
  };
}

function nameOf(image: ImageSpec | undefined): string {
  const name = image?.image ?? "";
  if (name === "") throw invalidArgument("image.image", "is missing");
  checkNoNul("image", image);
  return name;
}
