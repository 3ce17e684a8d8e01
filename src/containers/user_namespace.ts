/** What a pod with a user namespace needs of containerd: files and pipes that its root owns. */
import { withIoOwner } from "../containerd/runtime_options.ts";
import { remapLabels } from "../containerd/snapshots.ts";
import type { TypedAny } from "../containerd/types.ts";
import type { PodSandboxConfig } from "../gen/cri/v1/api.ts";
import { podOptions } from "../oci/namespaces.ts";
import { userMappings } from "../oci/user_namespace.ts";
import type { Runtime } from "../state/settings.ts";

/** Labels for the root filesystems of a pod's containers. */
export function snapshotLabels(pod: PodSandboxConfig): Map<string, string> {
  const mappings = userMappings(podOptions(pod));
  return mappings === undefined ? new Map() : remapLabels(mappings);
}

/** The group of the root that a pod's containers have; undefined without a user namespace. */
export function rootGroup(pod: PodSandboxConfig): number | undefined {
  return userMappings(podOptions(pod))?.gids[0]?.hostID;
}

/** The runtime as it stands in the records of a pod and its containers. */
export function recordedRuntime(
  { type: name, options }: Runtime,
  pod: PodSandboxConfig,
): { name: string; options: TypedAny | undefined } {
  const mappings = userMappings(podOptions(pod));
  if (mappings === undefined || options === undefined) return { name, options };
  // A mapping begins with root.
  const [uid = 0, gid = 0] = [mappings.uids[0]?.hostID, mappings.gids[0]?.hostID];
  return { name, options: withIoOwner(options, { uid, gid }) };
}
