/** Which key of containerd's CRI is which of ours. */

export interface Move {
  readonly to: readonly string[];
  /** The value here; undefined when it can't be said. */
  value?(value: unknown): unknown;
}

/** By key below the plugin's table, of version 2 and 3 alike where they don't contradict. */
export const MOVES: Readonly<Record<string, Move>> = {
  "sandbox_image": { to: ["images", "sandbox_image"] },
  "pinned_images.sandbox": { to: ["images", "sandbox_image"] },
  // Several folders, colon-separated: the first weighs most, and there is one here.
  "registry.config_path": {
    to: ["images", "registry_config"],
    value: (path) => String(path).split(":")[0],
  },
  "containerd.snapshotter": { to: ["containerd", "snapshotter"] },
  "snapshotter": { to: ["containerd", "snapshotter"] },
  "containerd.default_runtime_name": { to: ["containerd", "default_runtime"] },
  "cni.bin_dir": { to: ["cni", "bin_dirs"], value: (dir) => [dir] },
  "cni.bin_dirs": { to: ["cni", "bin_dirs"] },
  "cni.conf_dir": { to: ["cni", "conf_dir"] },
  "cni.max_conf_num": { to: ["cni", "max_conf_num"] },
  "max_container_log_line_size": {
    to: ["logs", "max_line_bytes"],
    value: (bytes) => typeof bytes === "number" && bytes > 0 ? bytes : undefined,
  },
  "enable_selinux": { to: ["selinux", "enabled"] },
  // 0 is the same as leaving it out.
  "selinux_category_range": {
    to: ["selinux", "category_range"],
    value: (range) => range === 0 ? 1024 : range,
  },
  "max_concurrent_downloads": { to: ["images", "max_parallel_downloads"] },
  "image_pull_progress_timeout": { to: ["images", "pull_progress_timeout"] },
  "enable_tls_streaming": { to: ["streaming", "tls_self_signed"] },
  "x509_key_pair_streaming.tls_cert_file": { to: ["streaming", "tls_cert"] },
  "x509_key_pair_streaming.tls_key_file": { to: ["streaming", "tls_key"] },
};

/** By key of `runtimes.NAME`. */
export const RUNTIME_MOVES: Readonly<Record<string, Move>> = {
  runtime_type: { to: ["type"] },
  snapshotter: { to: ["snapshotter"] },
  base_runtime_spec: { to: ["base_spec"] },
  pod_annotations: { to: ["pod_annotations"] },
  container_annotations: { to: ["container_annotations"] },
  privileged_without_host_devices: { to: ["privileged_without_host_devices"] },
  cgroup_writable: { to: ["cgroup_writable"] },
};

/** What `containerd config default` prints and needs no word here: it is so anyhow, or of no use. */
export const IGNORED: Readonly<Record<string, unknown>> = {
  "stream_server_address": "127.0.0.1",
  "stream_server_port": "0",
  "stream_idle_timeout": "4h0m0s",
  "systemd_cgroup": false,
  "disable_tcp_service": true,
  "enable_criu": true,
  "stats_collect_period": 10,
  "stats_collect_interval": "1s",
  "stats_retention_period": "2m0s",
  "max_container_log_line_size": 16_384,
  "tolerate_missing_hugetlb_controller": true,
  "disable_hugetlb_controller": true,
  "ignore_image_defined_volumes": false,
  "enable_unprivileged_ports": true,
  "enable_unprivileged_icmp": true,
  "enable_cdi": true,
  "cdi_spec_dirs": ["/etc/cdi", "/var/run/cdi"],
  "drain_exec_sync_io_timeout": "0s",
  "image_pull_with_sync_fs": false,
  "use_local_image_pull": false,
  "containerd.discard_unpacked_layers": false,
  "discard_unpacked_layers": false,
  "containerd.disable_snapshot_annotations": true,
  "disable_snapshot_annotations": true,
  "containerd.ignore_rdt_not_enabled_errors": false,
  "image_decryption.key_model": "node",
  "cni.setup_serially": false,
  "cni.ip_pref": "ipv4",
  "runtimes.sandbox_mode": "podsandbox",
  "runtimes.sandboxer": "podsandbox",
  "runtimes.io_type": "fifo",
};
