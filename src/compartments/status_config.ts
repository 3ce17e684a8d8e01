/** The configuration as verbose Status tells it: under the field names of containerd's CRI plugin. */
import type { Config } from "../config/table.ts";
import { PAUSE_IMAGE_NAME } from "../images/pause_name.ts";
import type { Settings } from "../state/settings.ts";

/** For crictl info, kubeadm and test suites, which read `stateDir`, `sandboxImage` and others. */
export function statusConfig(
  config: Config,
  { settings, selinux }: { settings: Settings; selinux: boolean },
): Record<string, unknown> {
  const runtimes = [...settings.runtimes.values()].map((runtime) => [runtime.name, {
    runtimeType: runtime.type,
    snapshotter: runtime.snapshotter,
    podAnnotations: runtime.podAnnotations,
    containerAnnotations: runtime.containerAnnotations,
    options: { SystemdCgroup: settings.cgroupDriver === "systemd" },
  }]);
  return {
    containerd: {
      snapshotter: config.containerd.snapshotter,
      defaultRuntimeName: config.containerd.default_runtime,
      runtimes: Object.fromEntries(runtimes),
    },
    cni: {
      binDir: config.cni.bin_dirs[0] ?? "",
      binDirs: config.cni.bin_dirs,
      confDir: config.cni.conf_dir,
      maxConfNum: config.cni.max_conf_num,
    },
    registry: { configPath: config.images.registry_config },
    enableSelinux: selinux,
    selinuxCategoryRange: config.selinux.category_range,
    sandboxImage: config.images.sandbox_image || PAUSE_IMAGE_NAME,
    maxContainerLogLineSize: config.logs.max_line_bytes,
    containerdEndpoint: config.containerd.address,
    rootDir: config.root,
    stateDir: config.state,
  };
}
