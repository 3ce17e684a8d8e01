/** The runtime spec of a container: what it asks for, in the pod's namespaces and cgroup. */
import { invalidArgument } from "../base/errors.ts";
import { containerAnnotations } from "./annotations.ts";
import { apparmorProfile } from "./apparmor.ts";
import { capabilitySets } from "./capabilities.ts";
import { cgroupsPath } from "./cgroups.ts";
import { deviceSettings } from "./devices.ts";
import type { ContainerSpecInput } from "./input.ts";
import { containerMounts } from "./mounts.ts";
import { containerNamespaces, podOptions } from "./namespaces.ts";
import { hiddenPaths } from "./paths.ts";
import { processArgs, processEnv, workingDir } from "./process.ts";
import { oomScoreAdj, toLinuxResources } from "./resources.ts";
import { seccompFilter } from "./seccomp.ts";
import { checkSelinux, selinuxOfSpec } from "./selinux.ts";
import { type Linux, OCI_VERSION, type Process, ROOTFS, type Spec } from "./spec.ts";
import {
  checkMapped,
  checkSameUserNamespace,
  type UserMappings,
  userMappings,
} from "./user_namespace.ts";

const CONTEXT = "config.linux.security_context";

/**
 * The spec of a container. Pure: equal inputs give equal specs that share nothing with each other,
 * so that no container ever sees a variable of another (CVE-2021-21334).
 *
 * @throws CriError invalidArgument with the field's path for requests that can't be,
 *   failedPrecondition for what the node can't do
 */
export function containerSpec(input: ContainerSpecInput): Spec {
  const { config, pod } = input;
  const context = config.linux?.securityContext;
  const isPrivileged = context?.privileged === true;
  if (isPrivileged && pod.config.linux?.securityContext?.privileged !== true) {
    throw invalidArgument(`${CONTEXT}.privileged`, "the pod itself is not privileged");
  }
  checkSelinux(context?.selinuxOptions);
  checkSameUserNamespace(context?.namespaceOptions, podOptions(pod.config));
  const mappings = userMappings(podOptions(pod.config));
  checkMapped(input.user, mappings);
  const { mounts, rootfsPropagation } = containerMounts(input, mappings);
  const { selinuxLabel, mountLabel } = selinuxOfSpec(input.selinux, isPrivileged);
  const process = { ...containerProcess(input), selinuxLabel };
  return {
    ociVersion: OCI_VERSION,
    process,
    root: { path: ROOTFS, readonly: context?.readonlyRootfs === true },
    mounts,
    annotations: annotations(input),
    linux: {
      ...containerLinux(input, { mappings, bounding: process.capabilities.bounding }),
      rootfsPropagation,
      mountLabel,
    },
  };
}

function containerProcess(input: ContainerSpecInput): Process {
  const { config, image, pod, user, host } = input;
  const context = config.linux?.securityContext;
  return {
    terminal: config.tty ? true : undefined,
    user: { uid: user.uid, gid: user.gid, additionalGids: [...user.additionalGids] },
    args: processArgs(config, image),
    env: processEnv(config, { image, hostname: pod.hostname }),
    cwd: workingDir(config, image),
    capabilities: capabilitySets(context, host.capabilities),
    noNewPrivileges: context?.noNewPrivs === true,
    apparmorProfile: apparmorProfile(context, host),
    // Set always: a process without one of its own would have the shim's, which is very low.
    oomScoreAdj: oomScoreAdj(config.linux?.resources?.oomScoreAdj ?? 0n, host),
  };
}

function containerLinux(
  input: ContainerSpecInput,
  { mappings, bounding }: { mappings: UserMappings | undefined; bounding: readonly string[] },
): Linux {
  const { id, config, pod, host } = input;
  const context = config.linux?.securityContext;
  const { devices, rules } = deviceSettings(config.devices, input.devices, hostDevices(input));
  const parent = pod.config.linux?.cgroupParent ?? "";
  return {
    namespaces: containerNamespaces({ config, pod, targetPid: input.targetPid }, host),
    uidMappings: mappings?.uids.map((mapping) => ({ ...mapping })),
    gidMappings: mappings?.gids.map((mapping) => ({ ...mapping })),
    devices: devices.length === 0 ? undefined : devices,
    cgroupsPath: cgroupsPath(host.cgroupDriver, { parent, id }),
    resources: { devices: rules, ...toLinuxResources(config.linux?.resources, host) },
    seccomp: seccompFilter(context, { host, bounding, file: input.seccompProfile }),
    ...hiddenPaths(context),
  };
}

function hostDevices({ config, runtime, host }: ContainerSpecInput) {
  const isPrivileged = config.linux?.securityContext?.privileged === true;
  if (!isPrivileged || runtime.privilegedWithoutHostDevices) return undefined;
  return { hostDevices: host.devices };
}

function annotations({ config, pod, imageName, runtime }: ContainerSpecInput) {
  return containerAnnotations({
    pod,
    annotations: config.annotations,
    name: config.metadata?.name ?? "",
    imageName,
  }, runtime);
}
