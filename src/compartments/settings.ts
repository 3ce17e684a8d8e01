/** The domain's settings out of the configuration and a look at the node. */
import { during } from "../base/errors.ts";
import type { Config, RuntimeConfig } from "../config/table.ts";
import { runcOptions, shimOptions } from "../containerd/runtime_options.ts";
import { parseBaseSpec } from "../oci/base_spec.ts";
import { isKernelFrom } from "../oci/kernel.ts";
import type { BaseSpecFile, Runtime, RuntimeFeatures, Settings } from "../state/settings.ts";

/** Shims that take runc's options. */
const RUNC_SHIM = "io.containerd.runc.v2";

/** Where that shim has runc keep its records, when its options don't say. */
const RUNC_ROOT = "/run/containerd/runc";

/** Mounts can be changed with all below them, and mapped, since then (mount_setattr(2)). */
const MOUNT_SETATTR = [5, 12] satisfies [number, number];

const NO_FEATURES: RuntimeFeatures = { recursiveReadonlyMounts: false, idmappedMounts: false };

/** What the configuration doesn't tell. */
export interface Node {
  /** Whether systemd runs it. */
  readonly isSystemd: boolean;
  /** What its runtimes say that they can do, by name. */
  readonly features: ReadonlyMap<string, RuntimeFeatures>;
  readonly kernelRelease: string;
}

export function settingsOf(config: Config, node: Node): Settings {
  const cgroupDriver = cgroupDriverOf(config, node.isSystemd);
  const runtimes = new Map<string, Runtime>();
  for (const [name, runtime] of config.containerd.runtimes) {
    runtimes.set(
      name,
      runtimeOf(config, { name, runtime, cgroupDriver, features: featuresOf(name, node) }),
    );
  }
  return {
    rootDir: config.root,
    stateDir: config.state,
    netnsDir: config.cni.netns_dir,
    logDirs: config.logs.dirs,
    maxLogLineBytes: config.logs.max_line_bytes,
    cgroupDriver,
    runtimes,
    defaultRuntime: config.containerd.default_runtime,
    cdiDirs: config.cdi.spec_dirs,
    checkpointDirs: config.checkpoints.dirs,
  };
}

function cgroupDriverOf(config: Config, isSystemd: boolean): Settings["cgroupDriver"] {
  const { driver } = config.cgroup;
  if (driver !== "auto") return driver;
  return isSystemd ? "systemd" : "cgroupfs";
}

/** A runtime says what it was built for; the kernel has a say too. */
function featuresOf(name: string, { features, kernelRelease }: Node): RuntimeFeatures {
  if (!isKernelFrom(kernelRelease, MOUNT_SETATTR)) return NO_FEATURES;
  return features.get(name) ?? NO_FEATURES;
}

function runtimeOf(
  config: Config,
  { name, runtime, cgroupDriver, features }: {
    name: string;
    runtime: RuntimeConfig;
    cgroupDriver: Settings["cgroupDriver"];
    features: RuntimeFeatures;
  },
): Runtime {
  return {
    name,
    type: runtime.type,
    options: optionsOf(runtime, cgroupDriver),
    snapshotter: runtime.snapshotter || config.containerd.snapshotter,
    podAnnotations: runtime.pod_annotations,
    containerAnnotations: runtime.container_annotations,
    privilegedWithoutHostDevices: runtime.privileged_without_host_devices,
    cgroupWritable: runtime.cgroup_writable,
    baseSpec: readBaseSpec(runtime.base_spec),
    stateDir: stateDirOf(config, runtime),
    features,
  };
}

/** The shim puts the namespace below the folder that its options name. */
function stateDirOf(config: Config, { type, options }: RuntimeConfig): string | undefined {
  if (type !== RUNC_SHIM) return undefined;
  return `${options.get("Root") || RUNC_ROOT}/${config.containerd.namespace}`;
}

/** @throws CriError failedPrecondition for a file that isn't there or no spec */
function readBaseSpec(path: string): BaseSpecFile | undefined {
  if (path === "") return undefined;
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    throw during(`Cannot read the base spec ${path}`, error, "failedPrecondition");
  }
  parseBaseSpec({ path, text });
  return { path, text };
}

/** Options are spelled as containerd's own configuration spells them. */
function optionsOf(
  { type, options }: RuntimeConfig,
  cgroupDriver: Settings["cgroupDriver"],
): Runtime["options"] {
  const text = (key: string) => String(options.get(key) ?? "");
  if (type !== RUNC_SHIM) {
    if (options.size === 0) return undefined;
    return shimOptions({ typeUrl: text("TypeUrl"), configPath: text("ConfigPath") });
  }
  const systemd = options.get("SystemdCgroup");
  return runcOptions({
    binaryName: text("BinaryName"),
    root: text("Root"),
    systemdCgroup: typeof systemd === "boolean" ? systemd : cgroupDriver === "systemd",
    noPivotRoot: options.get("NoPivotRoot") === true,
    noNewKeyring: options.get("NoNewKeyring") === true,
    shimCgroup: text("ShimCgroup"),
  });
}
