/** What the builders of runtime specs start from: a request, the image, facts found by others. */
import type { ContainerConfig, PodSandboxConfig } from "../gen/cri/v1/api.ts";
import type { SpecDevice } from "./spec.ts";
import type { Accounts, User } from "./user.ts";

/** What an image's own configuration asks of a container. */
export interface ImageConfig {
  readonly user: string;
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly volumes: readonly string[];
  readonly workingDir: string;
}

/** The node, as found once at start. */
export interface HostFacts {
  readonly cgroupVersion: 1 | 2;
  readonly cgroupDriver: "cgroupfs" | "systemd";
  /** Names with CAP_ of all that the runtime can hand on: the kernel's, without what it lost. */
  readonly capabilities: ReadonlySet<string>;
  readonly arch: Arch;
  /** As of uname -r, such as "6.1.0-18-amd64". */
  readonly kernelRelease: string;
  readonly seccomp: boolean;
  /** The AppArmor profiles in the kernel; undefined when it has no AppArmor. */
  readonly apparmorProfiles: ReadonlySet<string> | undefined;
  /** The lowest oom_score_adj that the runtime may set: -1000 with CAP_SYS_RESOURCE. */
  readonly oomScoreAdjMin: number;
  readonly hugetlb: boolean;
  readonly swapAccounting: boolean;
  /** True when the node itself runs in a user namespace. */
  readonly inUserNamespace: boolean;
  /** Options of the node's own cgroup v2 mount. */
  readonly cgroupMountOptions: readonly string[];
  /** The device nodes below /dev, for privileged containers. */
  readonly devices: readonly SpecDevice[];
}

/** The architectures that Deno runs on (`Deno.build.arch`). */
export type Arch = "x86_64" | "aarch64";

/** The runtime handler behind the pod. */
export interface RuntimeFacts {
  /** Names of pod annotations that go into the specs; `*` stands for anything but a slash. */
  readonly podAnnotations: readonly string[];
  readonly containerAnnotations: readonly string[];
  readonly privilegedWithoutHostDevices: boolean;
  /** Containers may write to their own cgroup, where it is one of v2. */
  readonly cgroupWritable: boolean;
  /** Whether the runtime can make mounts read-only recursively (runc 1.1 on Linux 5.12). */
  readonly recursiveReadonlyMounts: boolean;
}

/** SELinux labels allotted to a process and its files; "" without SELinux. */
export interface SelinuxLabels {
  readonly process: string;
  readonly mount: string;
}

export interface SandboxSpecInput {
  readonly id: string;
  readonly config: PodSandboxConfig;
  readonly image: ImageConfig;
  readonly imageName: string;
  /** The pinned network namespace, "" on the host's network. */
  readonly netnsPath: string;
  /** The user namespace that owns the network namespace; undefined lets the runtime make one. */
  readonly usernsPath?: string | undefined;
  readonly files: { readonly resolvConf: string; readonly shm: string };
  readonly runtime: RuntimeFacts;
  readonly host: HostFacts;
  /** Text of the file that {@link seccompProfilePath} names. */
  readonly seccompProfile?: string | undefined;
  readonly selinux?: SelinuxLabels | undefined;
  /** The sandbox image's accounts; only an image with a named user needs them. */
  readonly accounts?: Accounts | undefined;
}

/** A pod as its containers see it. */
export interface PodFacts {
  readonly id: string;
  readonly config: PodSandboxConfig;
  /** Process in the sandbox container, whose namespaces are joined. */
  readonly pid: number;
  readonly netnsPath: string;
  readonly usernsPath?: string | undefined;
  /** As the containers find it in HOSTNAME; "" leaves it out. */
  readonly hostname: string;
  readonly files: {
    readonly hosts: string;
    readonly hostname: string;
    readonly resolvConf: string;
    readonly shm: string;
  };
}

/** Where one mount of the request really comes from. */
export interface MountSource {
  /** The host path without symbolic links, or the mounted image. */
  readonly path: string;
  /** Propagation of the mount that the path lies on; undefined skips the check against it. */
  readonly sharing?: "private" | "slave" | "shared" | undefined;
}

/** A folder with an image volume's content. */
export interface VolumeSource {
  /** One of {@link imageVolumePaths}. */
  readonly containerPath: string;
  readonly hostPath: string;
}

export interface ContainerSpecInput {
  readonly id: string;
  readonly config: ContainerConfig;
  readonly pod: PodFacts;
  readonly image: ImageConfig;
  /** The image by the name that the user knows. */
  readonly imageName: string;
  /** Who it runs as, from {@link containerUser}. */
  readonly user: User;
  /** A process of the container named by target_id, for namespace mode TARGET. */
  readonly targetPid?: number | undefined;
  /** One for each of config.mounts, in their order. */
  readonly mountSources: readonly MountSource[];
  readonly volumes: readonly VolumeSource[];
  /** The device nodes behind each of config.devices, in their order; a folder has many. */
  readonly devices: readonly (readonly SpecDevice[])[];
  readonly runtime: RuntimeFacts;
  readonly host: HostFacts;
  /** Text of the file that {@link seccompProfilePath} names. */
  readonly seccompProfile?: string | undefined;
  readonly selinux?: SelinuxLabels | undefined;
}
