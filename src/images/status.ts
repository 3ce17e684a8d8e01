/** ImageStatus. */
import { isKind } from "../base/errors.ts";
import type { Content } from "../containerd/content.ts";
import type { ImageStatusResponse } from "../gen/cri/v1/api.ts";
import { toCriImage } from "./cri_image.ts";
import type { Image } from "./image.ts";
import { MAX_DOCUMENT_BYTES } from "./manifest.ts";
import type { ImageStore } from "./store.ts";

export interface StatusDeps {
  readonly store: Pick<ImageStore, "find">;
  readonly content: Pick<Content, "read">;
}

/** What is known of an image; an empty answer when it isn't there, as the CRI says. */
export async function imageStatus(
  deps: StatusDeps,
  { image: name, verbose }: { image: string; verbose: boolean },
  signal: AbortSignal,
): Promise<ImageStatusResponse> {
  const image = deps.store.find(name);
  if (image === undefined) return { image: undefined, info: new Map() };
  const info = verbose ? await verboseInfo(deps, image, signal) : new Map<string, string>();
  return { image: toCriImage(image), info };
}

/** Under containerd's field names: crictl's users read them. */
async function verboseInfo(
  { content }: StatusDeps,
  { id, chainId }: Image,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  try {
    const bytes = await content.read(id, { maxBytes: MAX_DOCUMENT_BYTES }, { signal });
    const imageSpec: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return new Map([["info", JSON.stringify({ chainID: chainId, imageSpec })]]);
  } catch (error) {
    if (!isKind(error, "notFound") && !(error instanceof SyntaxError)) throw error;
    return new Map([["info", JSON.stringify({ chainID: chainId })]]);
  }
}
