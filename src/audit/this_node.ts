/** The node that this runs on, for an audit. */
import { ResultCache } from "../cni/cache.ts";
import { readNetworks } from "../cni/conf_files.ts";
import { runPlugin } from "../cni/exec.ts";
import { hostLocalLeases } from "../cni/host_local.ts";
import { iptables } from "../cni/iptables.ts";
import { openCniNetworks } from "../cni/networks.ts";
import { isSystemdNode } from "../compartments/host_facts.ts";
import { settingsOf } from "../compartments/settings.ts";
import { loadConfig } from "../config/load.ts";
import { connectContainerd } from "../containerd/client.ts";
import { openLinuxAudit } from "../linux/linux_audit.ts";
import { withContainerdAddress } from "../supervisor/managed_config.ts";
import type { AuditDeps } from "./audit.ts";

/** Does something with the node; what was opened for it is closed then. */
export async function withThisNode<T>(
  configPath: string | undefined,
  work: (node: AuditDeps) => Promise<T>,
): Promise<T> {
  const loaded = loadConfig(configPath === undefined ? {} : { path: configPath });
  const config = withContainerdAddress(loaded.config);
  const { address, namespace, snapshotter, default_runtime } = config.containerd;
  const { conf_dir, bin_dirs, cache_dir, netns_dir, max_conf_num, plugin_timeout } = config.cni;
  const linux = openLinuxAudit();
  const kernelRelease = linux.readFile("/proc/sys/kernel/osrelease").trim();
  const isSystemd = isSystemdNode();
  const settings = settingsOf(config, { isSystemd, features: new Map(), kernelRelease });
  const runtimes = [...settings.runtimes.values()];
  const containerd = connectContainerd({ address, namespace });
  const network = openCniNetworks({
    confDir: conf_dir,
    binDirs: bin_dirs,
    cacheDir: cache_dir,
    maxConfNum: max_conf_num,
    pluginTimeoutMs: plugin_timeout,
    runPlugin,
  });
  const podNetworks = async () =>
    (await readNetworks({ confDir: conf_dir, maxConfNum: 0 })).networks;
  try {
    return await work({
      namespace,
      containerd,
      containerdAddress: address,
      snapshotters: [...new Set([snapshotter, ...runtimes.map((one) => one.snapshotter)])],
      runtimeType: settings.runtimes.get(default_runtime)?.type ?? "io.containerd.runc.v2",
      netnsDir: netns_dir,
      network,
      cache: new ResultCache(cache_dir),
      hostLocalLeases: async () => hostLocalLeases(await podNetworks()),
      iptables,
      networkNames: async () => new Set((await podNetworks()).map(({ name }) => name)),
      settings,
      linux,
    });
  } finally {
    network.close();
    containerd.close();
  }
}
