/**
 * The mounts of a container, in the order that the runtime makes them: the kernel's file systems,
 * then the request's and the pod's own files, those near the root first, that none hide another.
 */
import { CriError, invalidArgument } from "../base/errors.ts";
import { type Mount, MountPropagation } from "../gen/cri/v1/api.ts";
import type { ContainerSpecInput, MountSource, PodFacts } from "./input.ts";
import { podNamespaces } from "./namespaces.ts";
import { cleanPath, depth } from "./path.ts";
import type { Linux, SpecMount } from "./spec.ts";
import { toSpecMapping, type UserMappings } from "./user_namespace.ts";

export const DEV_SHM = "/dev/shm";
export const RESOLV_CONF = "/etc/resolv.conf";

export interface MountSettings {
  readonly mounts: SpecMount[];
  readonly rootfsPropagation: Linux["rootfsPropagation"];
}

/** The file systems that every container has. Writable sysfs is for privileged ones. */
export function kernelMounts({ sysIsWritable, bindsSys }: {
  sysIsWritable: boolean;
  /** A user namespace may not mount sysfs for a network that isn't its own. */
  bindsSys: boolean;
}): SpecMount[] {
  const plain = ["nosuid", "noexec", "nodev"];
  const sysfs = mount("/sys", "sysfs", [...plain, sysIsWritable ? "rw" : "ro"]);
  const boundSys = bind("/sys", "/sys", ["rro", ...plain]);
  return [
    mount("/proc", "proc", [...plain]),
    mount("/dev", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    mount("/dev/pts", "devpts", [
      "nosuid",
      "noexec",
      "newinstance",
      "ptmxmode=0666",
      "mode=0620",
      "gid=5",
    ]),
    mount("/dev/mqueue", "mqueue", [...plain]),
    bindsSys ? boundSys : sysfs,
  ];
}

/**
 * Mounts of the pod's own container; virtual machines take the pod's DNS from its resolv.conf.
 *
 * All of a network namespace share one sysfs, and its first mount decides whether it can be written
 * to at all. In a privileged pod the first one leaves the choice to those that follow.
 */
export function sandboxMounts(
  files: { readonly resolvConf: string; readonly shm: string },
  { ownIpc, bindsSys, isPrivileged }: { ownIpc: boolean; bindsSys: boolean; isPrivileged: boolean },
): SpecMount[] {
  // A user namespace may only remount with these, and nothing there needs more.
  const options = ["ro", "nosuid", "nodev", "noexec"];
  return [
    ...kernelMounts({ sysIsWritable: isPrivileged, bindsSys }),
    bind(ownIpc ? files.shm : DEV_SHM, DEV_SHM, options),
    bind(files.resolvConf, RESOLV_CONF, options),
  ];
}

type MountInput = Pick<
  ContainerSpecInput,
  "config" | "pod" | "mountSources" | "volumes" | "runtime" | "host"
>;

/**
 * All mounts of a container. What the request mounts takes the place of what would be there.
 *
 * @throws CriError invalidArgument for mounts that can't be, failedPrecondition for a recursive
 *   read-only mount that the runtime can't make
 */
export function containerMounts(
  input: MountInput,
  mappings: UserMappings | undefined,
): MountSettings {
  const { config, pod, mountSources } = input;
  if (mountSources.length !== config.mounts.length) {
    throw new Error(`${config.mounts.length} mounts have ${mountSources.length} sources`);
  }
  const asked = config.mounts.map((mount, index) => {
    const source = mountSources[index] ?? { path: mount.hostPath };
    return requestMount(mount, { source, index, runtime: input.runtime });
  });
  const taken = new Set(asked.map(({ destination }) => destination));
  const own = [
    ...podFileMounts(pod, { isReadonly: isReadonlyRootfs(input), mappings }),
    ...input.volumes.map(({ containerPath, hostPath }) =>
      mapped(bind(hostPath, cleanPath(containerPath), ["rprivate", "rw"]), mappings)
    ),
  ].filter(({ destination }) => !taken.has(destination));
  const binds = [...asked, ...own];
  binds.sort((a, b) => depth(a.destination) - depth(b.destination));
  const below = systemMounts(input, mappings).filter(({ destination }) =>
    !taken.has(destination) && !(taken.has("/dev") && destination.startsWith("/dev/"))
  );
  return { mounts: [...below, ...binds], rootfsPropagation: rootfsPropagation(config.mounts) };
}

function isReadonlyRootfs({ config }: MountInput): boolean {
  return config.linux?.securityContext?.readonlyRootfs === true;
}

function systemMounts(
  { config, pod, host, runtime }: MountInput,
  mappings: UserMappings | undefined,
): SpecMount[] {
  const isPrivileged = config.linux?.securityContext?.privileged === true;
  const bindsSys = mappings !== undefined && !podNamespaces(pod.config).network;
  const ownCgroups = host.cgroupVersion === 2 && !isPrivileged;
  return [
    ...kernelMounts({ sysIsWritable: isPrivileged, bindsSys }),
    mount("/sys/fs/cgroup", "cgroup", [
      "nosuid",
      "noexec",
      "nodev",
      "relatime",
      isPrivileged || (ownCgroups && runtime.cgroupWritable) ? "rw" : "ro",
      // Without a namespace of its own this is the node's one mount, whose options it would reset.
      ...(ownCgroups || host.cgroupVersion === 1 ? [] : host.cgroupMountOptions.filter(isKept)),
    ]),
  ];
}

function isKept(option: string): boolean {
  return option === "nsdelegate" || option === "memory_recursiveprot";
}

function podFileMounts(
  { files, config }: PodFacts,
  { isReadonly, mappings }: { isReadonly: boolean; mappings: UserMappings | undefined },
): SpecMount[] {
  const options = ["rprivate", isReadonly ? "ro" : "rw"];
  const shm = podNamespaces(config).ipc ? files.shm : DEV_SHM;
  return [
    mapped(bind(files.hostname, "/etc/hostname", options), mappings),
    mapped(bind(files.hosts, "/etc/hosts", options), mappings),
    mapped(bind(files.resolvConf, RESOLV_CONF, options), mappings),
    // Not mapped: the mount is the pod's own and empty, and tmpfs can't be before Linux 6.3.
    bind(shm, DEV_SHM, ["rprivate", "rw"]),
  ];
}

interface RequestContext {
  readonly source: MountSource;
  readonly index: number;
  readonly runtime: { readonly recursiveReadonlyMounts: boolean };
}

function requestMount(asked: Mount, context: RequestContext): SpecMount {
  const field = `config.mounts[${context.index}]`;
  const destination = cleanPath(asked.containerPath);
  if (destination === "/") {
    throw invalidArgument(`${field}.container_path`, "is the root filesystem itself");
  }
  if (asked.uidMappings.length !== asked.gidMappings.length) {
    throw invalidArgument(`${field}.uid_mappings`, "has not as many mappings as gid_mappings");
  }
  const options = [propagation(asked, field, context.source), access(asked, field, context)];
  const result = bind(context.source.path, destination, options);
  if (asked.uidMappings.length === 0) return result;
  return {
    ...result,
    uidMappings: asked.uidMappings.map(toSpecMapping),
    gidMappings: asked.gidMappings.map(toSpecMapping),
  };
}

function propagation(asked: Mount, field: string, { path, sharing }: MountSource): string {
  const lies = `${JSON.stringify(path)} lies on a ${sharing} mount of the node`;
  switch (asked.propagation) {
    case MountPropagation.PROPAGATION_PRIVATE:
      return "rprivate";
    case MountPropagation.PROPAGATION_HOST_TO_CONTAINER:
      if (sharing !== "private") return "rslave";
      throw invalidArgument(`${field}.propagation`, `${lies}, which tells nobody of its changes`);
    case MountPropagation.PROPAGATION_BIDIRECTIONAL:
      if (sharing === undefined || sharing === "shared") return "rshared";
      throw invalidArgument(`${field}.propagation`, `${lies}: BIDIRECTIONAL needs a shared one`);
    default:
      throw invalidArgument(`${field}.propagation`, "is not a propagation mode");
  }
}

function access(asked: Mount, field: string, { runtime }: RequestContext): string {
  // An image's content is the same for all who mount it.
  const isImage = asked.image !== undefined && asked.image.image !== "";
  const isReadonly = asked.readonly || isImage;
  if (!asked.recursiveReadOnly) return isReadonly ? "ro" : "rw";
  const recursive = `${field}.recursive_read_only`;
  if (!asked.readonly) throw invalidArgument(recursive, "needs readonly");
  if (asked.propagation !== MountPropagation.PROPAGATION_PRIVATE) {
    throw invalidArgument(recursive, "needs PROPAGATION_PRIVATE");
  }
  if (runtime.recursiveReadonlyMounts) return "rro";
  // The kubelet knows this first word (k8s.io/cri-api/pkg/errors).
  throw new CriError(
    "failedPrecondition",
    `RROUnsupported: ${recursive}: the runtime handler can't mount read-only recursively`,
  );
}

/** The root's own propagation has to let through what its mounts are to pass on. */
function rootfsPropagation(asked: readonly Mount[]): Linux["rootfsPropagation"] {
  const modes = new Set(asked.map(({ propagation }) => propagation));
  if (modes.has(MountPropagation.PROPAGATION_BIDIRECTIONAL)) return "rshared";
  return modes.has(MountPropagation.PROPAGATION_HOST_TO_CONTAINER) ? "rslave" : undefined;
}

/**
 * Where an image's volumes go in a container: cleaned paths, each once, without those that the
 * request mounts something on. A path can't climb out of the root (CVE-2022-23648).
 */
export function imageVolumePaths(volumes: readonly string[], asked: readonly Mount[]): string[] {
  const taken = new Set(asked.map(({ containerPath }) => cleanPath(containerPath)));
  const paths = new Set(volumes.map(cleanPath));
  return [...paths].filter((path) => path !== "/" && !taken.has(path)).sort();
}

function mapped(mount: SpecMount, mappings: UserMappings | undefined): SpecMount {
  if (mappings === undefined) return mount;
  return {
    ...mount,
    uidMappings: mappings.uids.map((mapping) => ({ ...mapping })),
    gidMappings: mappings.gids.map((mapping) => ({ ...mapping })),
  };
}

function mount(destination: string, type: string, options: string[]): SpecMount {
  return { destination, type, source: type, options };
}

function bind(source: string, destination: string, options: readonly string[]): SpecMount {
  return { destination, type: "bind", source, options: ["rbind", ...options] };
}
