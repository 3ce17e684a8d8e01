/** What transfers of images need, out of the configuration: for the compartment and for commands. */
import { KeyedLock } from "../base/keyed_lock.ts";
import { Slots } from "../base/slots.ts";
import type { Config } from "../config/table.ts";
import type { Containerd } from "../containerd/client.ts";
import { imageArchitecture } from "../images/platform.ts";
import type { PullDeps } from "../images/pull.ts";
import { readKey, ruleFor } from "../images/signatures.ts";
import { readRequired } from "../registry/files.ts";
import { readCredentials } from "../registry/credentials_file.ts";
import { namesProxy } from "../registry/environment.ts";
import { hostsIn } from "../registry/hosts_folder.ts";
import { timingWith } from "../registry/timing.ts";

/** Most layers are unpacked before they are measured once. */
const MEASURE_EVERY_MS = 5_000;

/** Where images come from. */
export function sourceDeps({ images }: Config) {
  return {
    timing: timingWith(images.pull_progress_timeout),
    hosts: hostsIn(images.registry_config),
    nodeCredentials: () => readCredentials(images.credentials_file),
  };
}

export function registryDeps(config: Config, containerd: Containerd): PullDeps {
  const { images } = config;
  const maxImageBytes = BigInt(images.max_image_gib) * 1024n ** 3n;
  return {
    ...sourceDeps(config),
    content: containerd.content,
    diff: containerd.diff,
    images: containerd.images,
    leases: containerd.leases,
    snapshots: (snapshotter) => containerd.snapshots(snapshotter),
    architecture: imageArchitecture(),
    locks: new KeyedLock(),
    parallelLayers: images.max_parallel_downloads,
    slots: new Slots(images.max_node_downloads),
    maxImageBytes,
    ...handOverDeps(config, containerd),
    unpackLimit: { maxBytes: maxImageBytes, everyMs: MEASURE_EVERY_MS },
    signatures: async (image) => {
      const found = ruleFor(images.signatures, image);
      if (found === undefined) return undefined;
      const keys = found.rule.keys.map(async (file) => readKey(await readRequired(file), file));
      return { name: found.name, keys: await Promise.all(keys) };
    },
  };
}

function handOverDeps({ images }: Config, { transfers }: Containerd): Pick<PullDeps, "handOver"> {
  if (images.transfer === "never" || namesProxy((name) => Deno.env.get(name))) return {};
  return { handOver: { transfers, hostsFolder: images.registry_config } };
}
