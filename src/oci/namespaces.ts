/** The namespaces of sandboxes and of the containers that join them. */
import { CriError, invalidArgument } from "../base/errors.ts";
import {
  type ContainerConfig,
  NamespaceMode,
  type NamespaceOption,
  type PodSandboxConfig,
} from "../gen/cri/v1/api.ts";
import type { HostFacts, PodFacts } from "./input.ts";
import type { SpecNamespace } from "./spec.ts";

const FIELD = "config.linux.security_context.namespace_options";

/** Which namespaces a pod has of its own, rather than the node's. */
export interface PodNamespaces {
  readonly network: boolean;
  readonly ipc: boolean;
  /** Goes with the network: the node's hostname belongs to the node's network. */
  readonly uts: boolean;
  /** False for the node's processes; true also where each container has its own. */
  readonly pid: boolean;
  readonly user: boolean;
}

export function podOptions(config: PodSandboxConfig): NamespaceOption | undefined {
  return config.linux?.securityContext?.namespaceOptions;
}

/** @throws CriError invalidArgument for modes that a pod can't have */
export function podNamespaces(config: PodSandboxConfig): PodNamespaces {
  const options = podOptions(config);
  const network = isOwn("network", options?.network);
  return {
    network,
    ipc: isOwn("ipc", options?.ipc),
    uts: network,
    pid: options?.pid !== NamespaceMode.NODE,
    user: options?.usernsOptions?.mode === NamespaceMode.POD,
  };
}

function isOwn(name: string, mode: NamespaceMode | undefined): boolean {
  switch (mode) {
    case undefined:
    case NamespaceMode.POD:
      return true;
    case NamespaceMode.NODE:
      return false;
    default:
      throw invalidArgument(`${FIELD}.${name}`, "is neither POD nor NODE");
  }
}

/** Namespaces of the pod's own container: it makes those of the pod but the network's. */
export function sandboxNamespaces(
  own: PodNamespaces,
  { netnsPath, usernsPath }: { netnsPath: string; usernsPath?: string | undefined },
): SpecNamespace[] {
  const namespaces: SpecNamespace[] = [{ type: "mount" }];
  if (own.pid) namespaces.push({ type: "pid" });
  if (own.ipc) namespaces.push({ type: "ipc" });
  if (own.uts) namespaces.push({ type: "uts" });
  if (own.network) {
    if (netnsPath === "") throw new Error("a pod with its own network has a pinned namespace");
    // Only a namespace that is made inside the user namespace belongs to it: it is pinned later.
    const isMadeHere = own.user && usernsPath === undefined;
    namespaces.push({ type: "network", path: isMadeHere ? undefined : netnsPath });
  }
  if (own.user) namespaces.push({ type: "user", path: usernsPath });
  return namespaces;
}

/**
 * Namespaces of a container: the pod's, its own mounts, and the processes that it asks for.
 *
 * @throws CriError invalidArgument for a pid mode that doesn't exist or lacks its target,
 *   failedPrecondition when the pod's process is gone
 */
export function containerNamespaces(
  { config, pod, targetPid }: {
    config: ContainerConfig;
    pod: PodFacts;
    targetPid: number | undefined;
  },
  host: Pick<HostFacts, "cgroupVersion">,
): SpecNamespace[] {
  // With pid 0 the paths below would not be the pod's, whoever's else they were.
  if (pod.pid <= 0) {
    throw new CriError("failedPrecondition", `Pod sandbox ${pod.id} has no process to join`);
  }
  const own = podNamespaces(pod.config);
  const context = config.linux?.securityContext;
  const ofPod = (name: string) => `/proc/${pod.pid}/ns/${name}`;
  const namespaces: SpecNamespace[] = [
    { type: "mount" },
    { type: "ipc", path: ofPod("ipc") },
    { type: "uts", path: ofPod("uts") },
    { type: "network", path: pod.netnsPath === "" ? ofPod("net") : pod.netnsPath },
    pidNamespace(context?.namespaceOptions, { sandboxPid: pod.pid, targetPid }),
  ];
  // In v1 it would hide the controllers' folders that programs expect; privileged ones see all.
  if (host.cgroupVersion === 2 && context?.privileged !== true) namespaces.push({ type: "cgroup" });
  if (own.user) namespaces.push({ type: "user", path: pod.usernsPath ?? ofPod("user") });
  return namespaces;
}

function pidNamespace(
  options: NamespaceOption | undefined,
  { sandboxPid, targetPid }: { sandboxPid: number; targetPid: number | undefined },
): SpecNamespace {
  switch (options?.pid) {
    case NamespaceMode.CONTAINER:
      return { type: "pid" };
    case undefined:
    case NamespaceMode.POD:
    case NamespaceMode.NODE:
      // The sandbox of a pod among the node's processes is in the node's namespace itself.
      return { type: "pid", path: `/proc/${sandboxPid}/ns/pid` };
    case NamespaceMode.TARGET:
      if (targetPid !== undefined && targetPid > 0) {
        return { type: "pid", path: `/proc/${targetPid}/ns/pid` };
      }
      throw invalidArgument(
        `${FIELD}.target_id`,
        `${JSON.stringify(options.targetId)} is not a running container of this pod`,
      );
    default:
      throw invalidArgument(`${FIELD}.pid`, "is not a namespace mode");
  }
}
