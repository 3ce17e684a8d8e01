/**
 * What a runtime leaves of a container whose making was cut off with its caller: a cgroup, in it
 * perhaps a process that waits to become the container, and the runtime's own record.
 */
import { cgroupsPath } from "../oci/cgroups.ts";
import type { SandboxMetadata } from "../state/metadata.ts";
import type { Settings } from "../state/settings.ts";

export interface RuntimeStateDeps {
  readonly settings: Settings;
  readonly linux: {
    removeCgroup(path: string): Promise<void>;
    removeFiles(folder: string): void;
  };
}

/** Removes what is left of a container, or of a pod's own, that has no task any more. */
export async function clearRuntimeState(
  { settings, linux }: RuntimeStateDeps,
  { id, pod }: { id: string; pod: SandboxMetadata },
): Promise<void> {
  // systemd takes an empty scope away by itself.
  if (settings.cgroupDriver === "cgroupfs") {
    const parent = pod.config.linux?.cgroupParent ?? "";
    await linux.removeCgroup(cgroupsPath("cgroupfs", { parent, id }));
  }
  const handler = pod.runtimeHandler || settings.defaultRuntime;
  const folder = settings.runtimes.get(handler)?.stateDir;
  if (folder !== undefined) linux.removeFiles(`${folder}/${id}`);
}
