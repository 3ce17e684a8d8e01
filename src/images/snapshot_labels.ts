/**
 * What a snapshotter is told of a layer before it is there. One that serves layers from the registry
 * itself ("remote", "lazy") answers that the snapshot exists, and nothing is fetched. The names are
 * containerd's: https://github.com/containerd/containerd/blob/main/docs/snapshotters/remote-snapshotter.md
 */
import type { Descriptor } from "../containerd/types.ts";

/** containerd's own snapshotters: they unpack what has been fetched, and need no more than that. */
const LOCAL: readonly string[] = [
  "overlayfs",
  "native",
  "btrfs",
  "zfs",
  "devmapper",
  "blockfile",
  "erofs",
  "fuse-overlayfs",
];

const PREFIX = "containerd.io/snapshot/";
/** Names the snapshot that an unpacking one is going to be. */
const TARGET = "containerd.io/snapshot.ref";
const MAX_LABEL_BYTES = 4096;

/** The image that a layer belongs to. */
export interface LayerOf {
  /** Whole name, as it was asked for. */
  readonly reference: string;
  readonly manifestDigest: string;
  readonly layers: readonly Descriptor[];
}

/** Whether a snapshotter may serve layers that nobody has fetched. */
export function isRemoteSnapshotter(snapshotter: string): boolean {
  return !LOCAL.includes(snapshotter);
}

/** Labels of the snapshot into which a layer is unpacked. */
export function layerLabels(
  { index, chainId }: { index: number; chainId: string },
  image: LayerOf | undefined,
): Map<string, string> {
  const labels = new Map([[TARGET, chainId]]);
  const layer = image?.layers[index];
  if (image === undefined || layer === undefined) return labels;
  // Builders of such images write what their snapshotter needs beside each layer.
  for (const [key, value] of layer.annotations) {
    const fits = key.length + value.length <= MAX_LABEL_BYTES;
    if (key.startsWith(PREFIX) && fits) labels.set(key, value);
  }
  labels.set(`${PREFIX}cri.image-ref`, image.reference);
  labels.set(`${PREFIX}cri.manifest-digest`, image.manifestDigest);
  labels.set(`${PREFIX}cri.layer-digest`, layer.digest);
  labels.set(`${PREFIX}cri.image-layers`, followers(image.layers.slice(index)));
  return labels;
}

/** This layer and those above it, as many as a label holds: the snapshotter may prepare them ahead. */
function followers(layers: readonly Descriptor[]): string {
  const room = MAX_LABEL_BYTES - `${PREFIX}cri.image-layers`.length;
  let text = "";
  for (const { digest } of layers) {
    const more = text === "" ? digest : `${text},${digest}`;
    if (more.length > room) break;
    text = more;
  }
  return text;
}
