/**
 * UpdatePodSandboxResources: what a pod's containers may use in all. The pod's cgroup is the
 * kubelet's, which has changed it before it calls; here the record learns of it.
 */
import type { SandboxId } from "../base/id.ts";
import type { KeyedLock } from "../base/keyed_lock.ts";
import type { LinuxContainerResources, LinuxPodSandboxConfig } from "../gen/cri/v1/api.ts";
import type { HostFacts } from "../oci/input.ts";
import { toLinuxResources } from "../oci/resources.ts";
import { mergeResources } from "../oci/update.ts";
import type { SandboxMetadata } from "../state/metadata.ts";
import { assertReady, podName, type SandboxStore } from "../state/sandboxes.ts";
import { type MetadataDeps, writeMetadata } from "./record.ts";

export interface UpdateDeps extends MetadataDeps {
  readonly sandboxes: SandboxStore;
  readonly podLocks: KeyedLock<SandboxId>;
  readonly host: HostFacts;
}

export interface PodResources {
  readonly resources: LinuxContainerResources | undefined;
  readonly overhead: LinuxContainerResources | undefined;
}

/**
 * Records other resources of a pod; fields left empty stay.
 *
 * @throws CriError notFound, invalidArgument for limits that can't be, failedPrecondition for a pod
 *   that isn't ready
 */
export async function updatePodSandboxResources(
  deps: UpdateDeps,
  { idOrPrefix, ...change }: PodResources & { idOrPrefix: string },
  signal: AbortSignal,
): Promise<void> {
  const { id } = deps.sandboxes.get(idOrPrefix);
  await deps.podLocks.run(id, signal, async () => {
    const pod = deps.sandboxes.get(id);
    assertReady(pod, `update the resources of pod ${podName(pod)} (${id})`);
    const metadata = withResources(pod.metadata, change);
    const { resources, overhead } = metadata.config.linux ?? {};
    // Only to see whether they can be.
    toLinuxResources(resources, deps.host, "resources");
    toLinuxResources(overhead, deps.host, "overhead");
    await writeMetadata(deps, metadata, signal);
    deps.sandboxes.update(id, { metadata });
  });
}

function withResources(metadata: SandboxMetadata, change: PodResources): SandboxMetadata {
  const { config } = metadata;
  const before: LinuxPodSandboxConfig = config.linux ?? {
    cgroupParent: "",
    securityContext: undefined,
    sysctls: new Map(),
    overhead: undefined,
    resources: undefined,
  };
  const merged = (name: keyof PodResources) => {
    const asked = change[name];
    return asked === undefined ? before[name] : mergeResources(before[name], asked);
  };
  const linux = { ...before, resources: merged("resources"), overhead: merged("overhead") };
  return { ...metadata, config: { ...config, linux } };
}
