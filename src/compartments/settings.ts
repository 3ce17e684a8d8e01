/** The domain's settings out of the configuration and a look at the node. */
import type { Config, RuntimeConfig } from "../config/table.ts";
import { runcOptions } from "../containerd/runtime_options.ts";
import type { Runtime, Settings } from "../state/settings.ts";

/** Shims that take runc's options. */
const RUNC_SHIM = "io.containerd.runc.v2";

export function settingsOf(config: Config, isSystemd: boolean): Settings {
  const cgroupDriver = cgroupDriverOf(config, isSystemd);
  const runtimes = new Map<string, Runtime>();
  for (const [name, runtime] of config.containerd.runtimes) {
    runtimes.set(name, runtimeOf(config, { name, runtime, cgroupDriver }));
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
  };
}

function cgroupDriverOf(config: Config, isSystemd: boolean): Settings["cgroupDriver"] {
  const { driver } = config.cgroup;
  if (driver !== "auto") return driver;
  return isSystemd ? "systemd" : "cgroupfs";
}

function runtimeOf(
  config: Config,
  { name, runtime, cgroupDriver }: {
    name: string;
    runtime: RuntimeConfig;
    cgroupDriver: Settings["cgroupDriver"];
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
  };
}

/** Options are spelled as containerd's own configuration spells them. */
function optionsOf(
  { type, options }: RuntimeConfig,
  cgroupDriver: Settings["cgroupDriver"],
): Runtime["options"] {
  if (type !== RUNC_SHIM) return undefined;
  const text = (key: string) => String(options.get(key) ?? "");
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
