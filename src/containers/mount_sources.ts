/** Where the mounts of a container come from on the node. */
import { during } from "../base/errors.ts";
import { waitFor } from "../base/keyed_lock.ts";
import { type ContainerConfig, type Mount, MountPropagation } from "../gen/cri/v1/api.ts";
import type { MountSource } from "../oci/input.ts";
import { isImageMount } from "./image_mounts.ts";

export interface SourcesDeps {
  readonly linux: {
    /** The path without links; a folder is made where nothing is. */
    resolveHostPath(path: string): Promise<string>;
    sharingAt(path: string): "private" | "slave" | "shared";
  };
}

/**
 * The sources of a request's mounts, in their order; images have none yet. A path on a file system
 * that doesn't answer holds up its own container alone.
 *
 * @throws CriError naming the mount whose path can't be looked at
 */
export async function findSources(
  deps: SourcesDeps,
  { mounts }: Pick<ContainerConfig, "mounts">,
  signal: AbortSignal,
): Promise<MountSource[]> {
  return await Promise.all(mounts.map(async (mount, index) => {
    if (isImageMount(mount)) return { path: "" };
    try {
      return await findSource(deps, mount, signal);
    } catch (error) {
      throw during(`config.mounts[${index}].host_path`, error);
    }
  }));
}

async function findSource(
  { linux }: SourcesDeps,
  { hostPath, propagation }: Mount,
  signal: AbortSignal,
): Promise<MountSource> {
  const path = await waitFor(linux.resolveHostPath(hostPath), signal);
  if (propagation === MountPropagation.PROPAGATION_PRIVATE) return { path };
  return { path, sharing: linux.sharingAt(path) };
}
