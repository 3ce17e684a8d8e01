/** Which namespaces a pod has of its own. */
import { NamespaceMode, type NamespaceOption, type PodSandboxConfig } from "../gen/cri/v1/api.ts";

/** The namespace options of a pod, undefined when the request has none: all of the pod's own. */
export function namespaceOptions(config: PodSandboxConfig): NamespaceOption | undefined {
  return config.linux?.securityContext?.namespaceOptions;
}

/** False for a pod on the host's network. */
export function hasOwnNetwork(config: PodSandboxConfig): boolean {
  return namespaceOptions(config)?.network !== NamespaceMode.NODE;
}

/** False for a pod with the host's IPC namespace, whose /dev/shm is the host's. */
export function hasOwnIpc(config: PodSandboxConfig): boolean {
  return namespaceOptions(config)?.ipc !== NamespaceMode.NODE;
}
