/** What specs are told of the pod and the runtime. */
import { NamespaceMode } from "../gen/cri/v1/api.ts";
import type { PodFacts, RuntimeFacts } from "../oci/input.ts";
import { podFiles } from "../state/folders.ts";
import type { Sandbox } from "../state/sandboxes.ts";
import type { Runtime, Settings } from "../state/settings.ts";

export interface FactsDeps {
  readonly settings: Settings;
  /** The node's own hostname, which pods on its network share. */
  nodeHostname(): string;
}

export function podFacts(deps: FactsDeps, { id, metadata, state }: Sandbox): PodFacts {
  const { config } = metadata;
  const onNode = config.linux?.securityContext?.namespaceOptions?.network === NamespaceMode.NODE;
  return {
    id,
    config,
    pid: state.kind === "ready" ? state.pid : 0,
    netnsPath: metadata.netnsPath,
    hostname: config.hostname === "" && onNode ? deps.nodeHostname() : config.hostname,
    files: podFiles(deps.settings, id),
  };
}

export function runtimeFacts(runtime: Runtime): RuntimeFacts {
  return {
    podAnnotations: runtime.podAnnotations,
    containerAnnotations: runtime.containerAnnotations,
    privilegedWithoutHostDevices: runtime.privilegedWithoutHostDevices,
    cgroupWritable: runtime.cgroupWritable,
    recursiveReadonlyMounts: runtime.features.recursiveReadonlyMounts,
  };
}
