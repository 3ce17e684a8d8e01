/** The runtime spec of a pod's own container, whose process holds the pod's namespaces. */
import { CriError } from "../base/errors.ts";
import { sandboxAnnotations } from "./annotations.ts";
import { noCapabilities } from "./capabilities.ts";
import { cgroupsPath } from "./cgroups.ts";
import { deniedDevices } from "./devices.ts";
import type { ImageConfig, SandboxSpecInput } from "./input.ts";
import { sandboxMounts } from "./mounts.ts";
import { type PodNamespaces, podNamespaces, podOptions, sandboxNamespaces } from "./namespaces.ts";
import { cleanPath } from "./path.ts";
import { defaultHiddenPaths } from "./paths.ts";
import { sandboxEnv } from "./process.ts";
import { sandboxOomScoreAdj, sandboxResources } from "./resources.ts";
import { seccompFilter } from "./seccomp.ts";
import { checkSelinux, selinuxOfSpec } from "./selinux.ts";
import { type Linux, OCI_VERSION, type Process, ROOTFS, type Spec } from "./spec.ts";
import { podSysctls } from "./sysctls.ts";
import { checkMapped, userMappings } from "./user_namespace.ts";
import { containerUser } from "./user.ts";

const NO_ACCOUNTS = { passwd: "", group: "" };

/**
 * The spec of a sandbox. Pure: equal inputs give equal specs that share nothing with each other.
 *
 * @throws CriError invalidArgument with the field's path for requests that can't be,
 *   failedPrecondition for what the node or the sandbox image can't do
 */
export function sandboxSpec(input: SandboxSpecInput): Spec {
  const { config, files } = input;
  const own = podNamespaces(config);
  const isPrivileged = config.linux?.securityContext?.privileged === true;
  const selinux = selinuxOfSpec(input.selinux, isPrivileged);
  return {
    ociVersion: OCI_VERSION,
    process: { ...sandboxProcess(input), selinuxLabel: selinux.selinuxLabel },
    root: { path: ROOTFS, readonly: true },
    // A runtime refuses to name a host that isn't the pod's own.
    hostname: own.uts && config.hostname !== "" ? config.hostname : undefined,
    mounts: sandboxMounts(files, {
      ownIpc: own.ipc,
      bindsSys: own.user && !own.network,
      isPrivileged,
    }),
    annotations: sandboxAnnotations(input, input.runtime.podAnnotations),
    linux: { ...sandboxLinux(input, own), mountLabel: selinux.mountLabel },
  };
}

function sandboxProcess(input: SandboxSpecInput): Process {
  const { config, image, host } = input;
  const context = config.linux?.securityContext;
  checkSelinux(context?.selinuxOptions);
  const user = containerUser(context, image.user, input.accounts ?? NO_ACCOUNTS);
  checkMapped(user, userMappings(podOptions(config)));
  return {
    user: { uid: user.uid, gid: user.gid, additionalGids: [...user.additionalGids] },
    args: pauseArgs(image, input.imageName),
    env: sandboxEnv(image),
    cwd: cleanPath(image.workingDir),
    // It waits for signals: nothing of that takes a privilege.
    capabilities: noCapabilities(),
    noNewPrivileges: true,
    oomScoreAdj: sandboxOomScoreAdj(host),
  };
}

function pauseArgs({ entrypoint, cmd }: ImageConfig, name: string): string[] {
  const args = [...entrypoint, ...cmd];
  if (args.length > 0) return args;
  throw new CriError("failedPrecondition", `The sandbox image ${name} names no command to run`, {
    remedy: "set images.sandbox_image to a pause image, or leave it empty for the built-in one",
  });
}

function sandboxLinux(input: SandboxSpecInput, own: PodNamespaces): Linux {
  const { id, config, host } = input;
  const mappings = userMappings(podOptions(config));
  return {
    namespaces: sandboxNamespaces(own, input),
    uidMappings: mappings?.uids.map((mapping) => ({ ...mapping })),
    gidMappings: mappings?.gids.map((mapping) => ({ ...mapping })),
    cgroupsPath: cgroupsPath(host.cgroupDriver, { parent: config.linux?.cgroupParent ?? "", id }),
    resources: { devices: deniedDevices(), ...sandboxResources() },
    seccomp: seccompFilter(config.linux?.securityContext, {
      host,
      bounding: [],
      file: input.seccompProfile,
    }),
    sysctl: podSysctls(config.linux?.sysctls ?? new Map(), {
      namespaces: own,
      inUserNamespace: host.inUserNamespace,
    }),
    ...defaultHiddenPaths(),
  };
}
