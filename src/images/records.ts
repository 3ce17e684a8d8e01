/** Image records in containerd: their labels, and making them all for one image. */
import { isKind } from "../base/errors.ts";
import type { CallOptions } from "../containerd/client.ts";
import type { Images } from "../containerd/images.ts";
import type { Descriptor } from "../containerd/types.ts";

const MANAGED_LABEL = "io.cri-containerd.image";
const MANAGED = "managed";
const PINNED_LABEL = "io.cri-containerd.pinned";
const PINNED = "pinned";

/** Labels of a record that the kubelet's garbage collection leaves alone. */
export const PINNED_LABELS: ReadonlyMap<string, string> = new Map([[PINNED_LABEL, PINNED]]);

export function isPinned(labels: ReadonlyMap<string, string>): boolean {
  return labels.get(PINNED_LABEL) === PINNED;
}

export interface RecordImage {
  /** Names that all point to the target: tags, digests, the image id. */
  names: readonly string[];
  target: Descriptor;
  /** Beside the one that says that it is ours. */
  labels?: ReadonlyMap<string, string>;
}

/** Makes the records, or points them to this target; labels that others have set stay. */
export async function recordImage(
  images: Pick<Images, "create" | "update">,
  { names, target, labels = new Map() }: RecordImage,
  o?: CallOptions,
): Promise<void> {
  const all = new Map([...labels, [MANAGED_LABEL, MANAGED]]);
  for (const name of new Set(names)) await recordName(images, { name, target, labels: all }, o);
}

/** Another process may remove or make the record between our two calls. */
const TRIES = 5;

async function recordName(
  images: Pick<Images, "create" | "update">,
  record: { name: string; target: Descriptor; labels: Map<string, string> },
  o?: CallOptions,
): Promise<void> {
  const paths = ["target", ...[...record.labels.keys()].map((key) => `labels.${key}`)];
  for (let tries = 1;; tries++) {
    try {
      await images.create(record, o);
      return;
    } catch (error) {
      if (!isKind(error, "alreadyExists")) throw error;
    }
    try {
      await images.update(record, paths, o);
      return;
    } catch (error) {
      if (!isKind(error, "notFound") || tries >= TRIES) throw error;
    }
  }
}
