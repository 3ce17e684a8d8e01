/** Where the files of pods and containers lie: one place that says so. */
import type { ContainerId, SandboxId } from "../base/id.ts";
import type { Settings } from "./settings.ts";

type Roots = Pick<Settings, "rootDir" | "stateDir" | "netnsDir">;

/** hosts, hostname and resolv.conf of a pod; survives a reboot. */
export const sandboxDir = (roots: Roots, id: SandboxId): string =>
  `${roots.rootDir}/sandboxes/${id}`;

/** The pod's /dev/shm; doesn't survive a reboot. */
export const sandboxShmDir = (roots: Roots, id: SandboxId): string =>
  `${roots.stateDir}/sandboxes/${id}/shm`;

export const sandboxStateDir = (roots: Roots, id: SandboxId): string =>
  `${roots.stateDir}/sandboxes/${id}`;

/** Checkpoint and volumes of a container. */
export const containerDir = (roots: Roots, id: ContainerId): string =>
  `${roots.rootDir}/containers/${id}`;

/** What is there while a container is checkpointed, and no longer. */
export const checkpointDir = (roots: Roots, id: ContainerId): string =>
  `${containerDir(roots, id)}/checkpointing`;

/** What containerd's CRI plugin keeps of a container; there for one that it made. */
export const containerStateDir = (roots: Roots, id: ContainerId): string =>
  `${roots.stateDir}/containers/${id}`;

/** The FIFOs of all containers. */
export const ioDir = ({ stateDir }: Pick<Roots, "stateDir">): string => `${stateDir}/io`;

/** The FIFOs of a container's stdio. */
export const stdioDir = (roots: Roots, id: ContainerId): string => `${ioDir(roots)}/${id}`;

/** Where the images that a container mounts are mounted. */
export const imageMountsDir = (roots: Roots, id: ContainerId): string =>
  `${roots.stateDir}/images/${id}`;

/** Begins the names of the folders of execs' FIFOs, which lie in those of their containers. */
export const EXEC_PREFIX = "exec-";

/** The FIFOs of an exec, below {@link ioDir}. */
export const execDir = (fifoDir: string, containerId: string, execId: string): string =>
  `${fifoDir}/${containerId}/${EXEC_PREFIX}${execId}`;

/** Where a root filesystem is mounted for a moment, to look up users. */
export const lookupDir = (roots: Roots, id: ContainerId): string =>
  `${roots.stateDir}/lookup/${id}`;

/** Begins the names of pinned network namespaces. */
export const NETNS_PREFIX = "cri-";

/** The pinned network namespace of a pod. */
export const netnsPath = (roots: Roots, id: SandboxId): string =>
  `${roots.netnsDir}/${NETNS_PREFIX}${id}`;

/** A folder in which everything is named by the pod or container that it belongs to. */
export interface OwnedFolder {
  readonly dir: string;
  readonly owner: "pod" | "container";
}

/** All of them but that of lookups: what is in there is nobody's once the lookup is over. */
export function ownedFolders({ rootDir, stateDir }: Omit<Roots, "netnsDir">): OwnedFolder[] {
  return [
    { dir: `${stateDir}/sandboxes`, owner: "pod" },
    { dir: `${rootDir}/sandboxes`, owner: "pod" },
    { dir: `${rootDir}/containers`, owner: "container" },
    { dir: `${stateDir}/containers`, owner: "container" },
    { dir: `${stateDir}/images`, owner: "container" },
    { dir: ioDir({ stateDir }), owner: "container" },
  ];
}

/** The files that all containers of a pod share. */
export function podFiles(roots: Roots, id: SandboxId) {
  const dir = sandboxDir(roots, id);
  return {
    hosts: `${dir}/hosts`,
    hostname: `${dir}/hostname`,
    resolvConf: `${dir}/resolv.conf`,
    shm: sandboxShmDir(roots, id),
  };
}
