/**
 * The OCI runtime specification 1.1, as far as pods need it: JSON names and shapes of
 * https://github.com/opencontainers/runtime-spec/blob/v1.1.0/config.md.
 */

/** A 64-bit number: a bigint only where a double would not be exact. */
export type Integer = number | bigint;

export interface Spec {
  ociVersion: string;
  process: Process;
  root: { path: string; readonly: boolean };
  hostname?: string | undefined;
  mounts: SpecMount[];
  annotations: Record<string, string>;
  hooks?: Partial<Record<HookName, Hook[]>> | undefined;
  linux: Linux;
}

export type HookName =
  | "prestart"
  | "createRuntime"
  | "createContainer"
  | "startContainer"
  | "poststart"
  | "poststop";

/** A program that the runtime runs at a point of a container's life. */
export interface Hook {
  path: string;
  args?: string[] | undefined;
  env?: string[] | undefined;
  timeout?: number | undefined;
}

export interface Process {
  terminal?: boolean | undefined;
  user: { uid: number; gid: number; additionalGids: number[] };
  args: string[];
  env: string[];
  cwd: string;
  capabilities: Capabilities;
  noNewPrivileges: boolean;
  apparmorProfile?: string | undefined;
  selinuxLabel?: string | undefined;
  oomScoreAdj: number;
}

/** Names with the CAP_ prefix. */
export interface Capabilities {
  bounding: string[];
  effective: string[];
  inheritable: string[];
  permitted: string[];
  ambient: string[];
}

export interface SpecMount {
  destination: string;
  type: string;
  source: string;
  options: string[];
  uidMappings?: IdMapping[] | undefined;
  gidMappings?: IdMapping[] | undefined;
}

export interface IdMapping {
  containerID: number;
  hostID: number;
  size: number;
}

export interface Linux {
  namespaces: SpecNamespace[];
  uidMappings?: IdMapping[] | undefined;
  gidMappings?: IdMapping[] | undefined;
  devices?: SpecDevice[] | undefined;
  cgroupsPath: string;
  resources: LinuxResources;
  rootfsPropagation?: "rshared" | "rslave" | undefined;
  seccomp?: Seccomp | undefined;
  sysctl?: Record<string, string> | undefined;
  maskedPaths: string[];
  readonlyPaths: string[];
  mountLabel?: string | undefined;
  intelRdt?: Record<string, unknown> | undefined;
}

export interface SpecNamespace {
  type: "pid" | "network" | "mount" | "ipc" | "uts" | "user" | "cgroup";
  /** The namespace to join; without it a new one is made. */
  path?: string | undefined;
}

export interface SpecDevice {
  path: string;
  type: "c" | "b" | "p";
  major: number;
  minor: number;
  fileMode: number;
  uid: number;
  gid: number;
}

export interface DeviceRule {
  allow: boolean;
  type?: "a" | "b" | "c" | "p" | undefined;
  major?: number | undefined;
  minor?: number | undefined;
  access: string;
}

export interface LinuxResources {
  devices?: DeviceRule[] | undefined;
  cpu?: {
    shares?: Integer | undefined;
    quota?: Integer | undefined;
    period?: Integer | undefined;
    cpus?: string | undefined;
    mems?: string | undefined;
  } | undefined;
  memory?: {
    limit?: Integer | undefined;
    /** Memory and swap together. */
    swap?: Integer | undefined;
  } | undefined;
  pids?: { limit: Integer } | undefined;
  hugepageLimits?: { pageSize: string; limit: Integer }[] | undefined;
  unified?: Record<string, string> | undefined;
}

export interface Seccomp {
  defaultAction: string;
  defaultErrnoRet?: number | undefined;
  architectures?: string[] | undefined;
  flags?: string[] | undefined;
  listenerPath?: string | undefined;
  listenerMetadata?: string | undefined;
  syscalls?: SeccompRule[] | undefined;
}

export interface SeccompRule {
  names: string[];
  action: string;
  errnoRet?: number | undefined;
  args?: SeccompArgument[] | undefined;
}

export interface SeccompArgument {
  index: number;
  value: Integer;
  valueTwo?: Integer | undefined;
  op: string;
}

/** The version whose shape this is. */
export const OCI_VERSION = "1.1.0";

/** Where the shim mounts the root filesystem, seen from the bundle. */
export const ROOTFS = "rootfs";
