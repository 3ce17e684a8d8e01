/** Which pods can have user namespaces: it takes the kernel, the runtime and the snapshotter. */
import type { Runtime } from "../state/settings.ts";

export interface UserNamespaceDeps {
  /** Whether containerd has said of a snapshotter that it can show files under other owners. */
  remapsOwners(snapshotter: string): boolean;
}

/** Whether pods of a runtime can have one; false while containerd hasn't been asked. */
export function hasUserNamespaces(deps: UserNamespaceDeps, runtime: Runtime): boolean {
  return runtime.features.idmappedMounts && deps.remapsOwners(runtime.snapshotter);
}
