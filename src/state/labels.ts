/**
 * Names under which records lie in containerd. They are those of containerd's CRI plugin, so that
 * its tools read our records and a node can change from one to the other and back.
 */

/** "sandbox" or "container", on every record of ours. */
export const KIND = "io.cri-containerd.kind";
export const KIND_SANDBOX = "sandbox";
export const KIND_CONTAINER = "container";

/** Extensions that hold the metadata of a record. */
export const SANDBOX_METADATA = "io.cri-containerd.sandbox.metadata";
export const CONTAINER_METADATA = "io.cri-containerd.container.metadata";

/** Type URLs of those extensions. */
export const SANDBOX_METADATA_TYPE = "github.com/containerd/cri/pkg/store/sandbox/Metadata";
export const CONTAINER_METADATA_TYPE = "github.com/containerd/cri/pkg/store/container/Metadata";

/** Type URL of a runtime spec in a container record. */
export const SPEC_TYPE = "types.containerd.io/opencontainers/runtime-spec/1/Spec";

/** Type URL of limits for what runs. */
export const RESOURCES_TYPE = "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources";

/** containerd's bound on the key and value of one label together, in bytes. */
const MAX_LABEL_BYTES = 4096;

/** Labels of images with these prefixes would steer containerd itself: they never reach a record. */
const RESERVED_PREFIXES = ["containerd.io/", "io.cri-containerd"];

/**
 * The labels of a record: the caller's own, an image's where it may have a say, and the kind.
 * Labels longer than containerd takes stay in the metadata only.
 */
export function recordLabels(
  kind: string,
  own: ReadonlyMap<string, string>,
  image: ReadonlyMap<string, string> = new Map(),
): Map<string, string> {
  const labels = new Map<string, string>();
  for (const [key, value] of image) {
    if (RESERVED_PREFIXES.some((prefix) => key.startsWith(prefix))) continue;
    if (fits(key, value)) labels.set(key, value);
  }
  for (const [key, value] of own) {
    if (fits(key, value)) labels.set(key, value);
  }
  labels.set(KIND, kind);
  return labels;
}

function fits(key: string, value: string): boolean {
  // A character has three bytes of UTF-8 at most: only long labels need encoding.
  const characters = key.length + value.length;
  if (characters * 3 <= MAX_LABEL_BYTES) return true;
  const encoder = new TextEncoder();
  return encoder.encode(key).length + encoder.encode(value).length <= MAX_LABEL_BYTES;
}
