/** An image as the CRI describes it. */
import type { Image as CriImage } from "../gen/cri/v1/api.ts";
import type { Image } from "./image.ts";

const MAX_UID = 2n ** 63n - 1n;

export function toCriImage(image: Image): CriImage {
  return {
    id: image.id,
    repoTags: [...image.repoTags],
    repoDigests: [...image.repoDigests],
    size: image.sizeBytes,
    ...userOf(image.config.user),
    spec: undefined,
    pinned: image.pinned,
  };
}

/**
 * A numeric user is a uid, any other a name; the group doesn't count. The kubelet decides by this
 * whether a pod that must not run as root may use the image.
 */
export function userOf(user: string): Pick<CriImage, "uid" | "username"> {
  const name = user.split(":")[0] ?? "";
  if (!/^[+-]?\d+$/.test(name)) return { uid: undefined, username: name };
  const value = BigInt(name);
  if (value > MAX_UID || value < -MAX_UID) return { uid: undefined, username: name };
  return { uid: { value }, username: "" };
}
