/**
 * Labels by which containerd's garbage collector sees what content needs. The names are containerd's:
 * https://github.com/containerd/containerd/blob/main/docs/garbage-collection.md
 */
import type { Descriptor } from "../containerd/types.ts";

const CONTENT_REF = "containerd.io/gc.ref.content.";
const SNAPSHOT_REF = "containerd.io/gc.ref.snapshot.";
const SOURCE = "containerd.io/distribution.source.";
const MAX_LABEL_BYTES = 4096;

/** What one document needs: an index its manifests, a manifest its configuration and layers. */
export interface Children {
  manifests?: readonly Descriptor[];
  config?: Descriptor;
  layers?: readonly Descriptor[];
}

/**
 * The labels that are missing for a document's children. Those that are there stay: another client
 * may have stored another platform of the same index.
 */
export function childLabels(
  existing: ReadonlyMap<string, string>,
  { manifests = [], config, layers = [] }: Children,
): Map<string, string> {
  const labels = new Map<string, string>();
  const held = new Set<string>();
  for (const [key, digest] of existing) if (key.startsWith(CONTENT_REF)) held.add(digest);
  const add = (prefix: string, digest: string) => {
    if (held.has(digest)) return;
    held.add(digest);
    let index = 0;
    while (existing.has(`${prefix}${index}`) || labels.has(`${prefix}${index}`)) index++;
    labels.set(`${prefix}${index}`, digest);
  };
  if (config !== undefined && !held.has(config.digest)) {
    held.add(config.digest);
    labels.set(`${CONTENT_REF}config`, config.digest);
  }
  for (const { digest } of manifests) add(`${CONTENT_REF}m.`, digest);
  for (const { digest } of layers) add(`${CONTENT_REF}l.`, digest);
  return labels;
}

/** The label of a configuration that keeps the unpacked image. */
export function snapshotLabel(snapshotter: string, chainId: string): Map<string, string> {
  return new Map([[SNAPSHOT_REF + snapshotter, chainId]]);
}

/** Where content came from: other tools find it there again, or push without sending it. */
export function sourceLabel(
  existing: ReadonlyMap<string, string>,
  { domain, path }: { domain: string; path: string },
): Map<string, string> {
  const key = SOURCE + domain;
  const paths = (existing.get(key) ?? "").split(",").filter((it) => it !== "");
  if (paths.includes(path)) return new Map();
  const value = [...paths, path].join(",");
  return key.length + value.length > MAX_LABEL_BYTES ? new Map() : new Map([[key, value]]);
}
