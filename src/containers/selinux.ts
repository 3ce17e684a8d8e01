/** SELinux of pods and containers: which label each runs under, and what its files are labelled with. */
import { during, invalidArgument } from "../base/errors.ts";
import type { ContainerConfig, PodSandboxConfig } from "../gen/cri/v1/api.ts";
import type { MountSource, SelinuxLabels } from "../oci/input.ts";
import {
  asksForSelinux,
  checkSelinux,
  levelOf,
  mountLabel,
  processLabel,
  type SelinuxContexts,
  sharedLabel,
} from "../oci/selinux.ts";
import type { Container } from "../state/containers.ts";
import { podFiles } from "../state/folders.ts";
import type { LevelRegistry } from "../state/levels.ts";
import type { Sandbox } from "../state/sandboxes.ts";
import type { Settings } from "../state/settings.ts";
import { isImageMount } from "./image_mounts.ts";

/** SELinux where it is switched on and the node has it. */
export interface Selinux {
  readonly contexts: SelinuxContexts;
  readonly levels: LevelRegistry;
  readonly files: {
    label(path: string, label: string): void;
    relabel(path: string, label: string, signal: AbortSignal): Promise<void>;
  };
}

export interface SelinuxDeps {
  readonly selinux?: Selinux | undefined;
}

/**
 * The label of a pod, on a level of its own unless it names one; "" without SELinux. Its level is
 * held until {@link releaseLevel}.
 *
 * @throws CriError invalidArgument for options that can't be, resourceExhausted without a free level
 */
export function allotPodLabel(
  { selinux }: SelinuxDeps,
  { id, config }: { id: string; config: PodSandboxConfig },
): string {
  if (selinux === undefined) return "";
  const options = config.linux?.securityContext?.selinuxOptions;
  checkSelinux(options);
  const level = holdLevel(selinux, id, options?.level ?? "");
  return processLabel(selinux.contexts, { options, level });
}

/**
 * The label of a container: its pod's, unless it asks for another, and then on the pod's level
 * unless it names one.
 *
 * @throws CriError as {@link allotPodLabel} does
 */
export function allotContainerLabel(
  { selinux }: SelinuxDeps,
  { id, config, pod }: { id: string; config: ContainerConfig; pod: Pick<Sandbox, "metadata"> },
): string {
  if (selinux === undefined) return "";
  const options = config.linux?.securityContext?.selinuxOptions;
  checkSelinux(options);
  const ofPod = pod.metadata.processLabel;
  if (!asksForSelinux(options) && ofPod !== "") return ofPod;
  // The level of a pod is the pod's to hold. One of before SELinux was switched on has none.
  const level = options?.level || ofPod === ""
    ? holdLevel(selinux, id, options?.level ?? "")
    : levelOf(ofPod);
  return processLabel(selinux.contexts, { options, level });
}

function holdLevel({ levels, contexts }: Selinux, owner: string, asked: string): string {
  if (levelOf(contexts.process) === "") return "";
  if (asked === "") return levels.allot(owner);
  levels.take(owner, asked);
  return asked;
}

/** Holds the level of a pod or container that was found again. */
export function takeLevel(
  { selinux }: SelinuxDeps,
  { id, metadata }: { id: string; metadata: { readonly processLabel: string } },
): void {
  selinux?.levels.take(id, levelOf(metadata.processLabel));
}

/** Gives back the level that a pod or container holds. */
export function releaseLevel({ selinux }: SelinuxDeps, id: string): void {
  selinux?.levels.release(id);
}

type Labelled = { readonly processLabel: string };

/** What the files of a pod or container are labelled with; "" without SELinux. */
export function filesLabel({ selinux }: SelinuxDeps, { processLabel }: Labelled): string {
  return selinux === undefined ? "" : mountLabel(selinux.contexts, processLabel);
}

/** Both labels, for a spec. */
export function specLabels(deps: SelinuxDeps, metadata: Labelled): SelinuxLabels | undefined {
  const mount = filesLabel(deps, metadata);
  return mount === "" ? undefined : { process: metadata.processLabel, mount };
}

/** Folders of the node with everything in them, and those of which only what is in them is somebody's. */
const SYSTEM_TREES = /^\/(bin|boot|dev|etc|lib|lib32|lib64|libx32|proc|sbin|sys|usr)(\/|$)/;
const SYSTEM_FOLDERS = new Set([
  ...["/", "/home", "/media", "/mnt", "/opt", "/root", "/run", "/srv", "/tmp", "/var"],
  ...["/var/cache", "/var/lib", "/var/log", "/var/run", "/var/spool", "/var/tmp"],
]);

/**
 * Labels the volumes for which the request asks that; no others, and none of the node's own.
 *
 * @throws CriError invalidArgument for a folder of the system
 */
export async function relabelMounts(
  deps: SelinuxDeps,
  { metadata, sources }: { metadata: Container["metadata"]; sources: readonly MountSource[] },
  signal: AbortSignal,
): Promise<void> {
  const label = filesLabel(deps, metadata);
  if (label === "") return;
  for (const [index, mount] of metadata.config.mounts.entries()) {
    const path = sources[index]?.path ?? "";
    if (!mount.selinuxRelabel || isImageMount(mount) || path === "") continue;
    const field = `config.mounts[${index}].selinux_relabel`;
    if (SYSTEM_TREES.test(path) || SYSTEM_FOLDERS.has(path)) {
      throw invalidArgument(field, `${path} is the system's and keeps its labels`);
    }
    try {
      await deps.selinux?.files.relabel(path, label, signal);
    } catch (error) {
      throw during(field, error);
    }
  }
}

/** Labels the files that the containers of a pod share. */
export function labelPodFiles(
  deps: SelinuxDeps & { readonly settings: Pick<Settings, "rootDir" | "stateDir" | "netnsDir"> },
  id: Sandbox["id"],
  label: string,
): void {
  if (label === "") return;
  const { hosts, hostname, resolvConf } = podFiles(deps.settings, id);
  for (const path of [hosts, hostname, resolvConf]) deps.selinux?.files.label(path, label);
}

/** Opens the pod's files to a container that isn't on the pod's level: then they have none. */
export function sharePodFiles(
  deps: SelinuxDeps & { readonly settings: Settings },
  { container, pod }: { container: Pick<Container, "metadata">; pod: Sandbox },
): void {
  const label = filesLabel(deps, container.metadata);
  if (label === filesLabel(deps, pod.metadata)) return;
  labelPodFiles(deps, pod.id, sharedLabel(label));
}
