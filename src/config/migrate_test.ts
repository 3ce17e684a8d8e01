import assert from "node:assert/strict";
import { parseConfig } from "./load.ts";
import { migrateConfig } from "./migrate.ts";

const VERSION_2 = `version = 2
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "registry.example/pause:3.10"
  max_container_log_line_size = 32768
  stream_server_address = "127.0.0.1"
  enable_tls_streaming = true
  enable_selinux = true
  selinux_category_range = 512
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
    default_runtime_name = "kata"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = true
        BinaryName = "/usr/bin/crun"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.kata]
      runtime_type = "io.containerd.kata.v2"
      pod_annotations = ["io.katacontainers.*"]
      privileged_without_host_devices = true
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d:/etc/docker/certs.d"
    [plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]
      endpoint = ["https://mirror.example"]
`;

Deno.test("migrateConfig() of version 2 moves what has a counterpart, and lists the rest", () => {
  const { toml, missing } = migrateConfig(VERSION_2, "config.toml");
  const { config, problems } = parseConfig(toml);
  assert.deepEqual(problems, []);
  assert.equal(config?.images.sandbox_image, "registry.example/pause:3.10");
  assert.equal(config.images.registry_config, "/etc/containerd/certs.d");
  assert.equal(config.logs.max_line_bytes, 32_768);
  assert.deepEqual(config.cni.bin_dirs, ["/opt/cni/bin"]);
  assert.equal(config.containerd.snapshotter, "native");
  assert.equal(config.containerd.default_runtime, "kata");
  assert.equal(config.cgroup.driver, "systemd");
  assert.equal(config.streaming.tls_self_signed, true);
  const runc = config.containerd.runtimes.get("runc");
  assert.deepEqual([...runc?.options ?? []], [["BinaryName", "/usr/bin/crun"]]);
  const kata = config.containerd.runtimes.get("kata");
  assert.equal(kata?.type, "io.containerd.kata.v2");
  assert.deepEqual(kata.pod_annotations, ["io.katacontainers.*"]);
  assert.equal(kata.privileged_without_host_devices, true);
  assert.equal(config.selinux.enabled, true);
  assert.equal(config.selinux.category_range, 512);
  assert.deepEqual(missing, [
    'io.containerd.grpc.v1.cri: registry.mirrors = {"docker.io":{"endpoint":["https://mirror.example"]}}',
  ]);
});

Deno.test("migrateConfig() of version 3 finds the keys in the tables that they moved to", () => {
  const { toml, missing } = migrateConfig(
    `version = 3
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  max_concurrent_downloads = 5
  image_pull_progress_timeout = "2m0s"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "registry.example/pause:3.10.1"
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = "/etc/certs"
[plugins."io.containerd.cri.v1.runtime"]
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/opt/cni/bin", "/usr/lib/cni"]
  [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    sandboxer = "podsandbox"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
      SystemdCgroup = false
`,
    "config.toml",
  );
  const { config, problems } = parseConfig(toml);
  assert.deepEqual([...problems, ...missing], []);
  assert.equal(config?.images.max_parallel_downloads, 5);
  assert.equal(config.images.pull_progress_timeout, 120_000);
  assert.equal(config.images.sandbox_image, "registry.example/pause:3.10.1");
  assert.equal(config.images.registry_config, "/etc/certs");
  assert.deepEqual(config.cni.bin_dirs, ["/opt/cni/bin", "/usr/lib/cni"]);
  assert.equal(config.cgroup.driver, "cgroupfs");
});

Deno.test("migrateConfig() lists a value that our configuration doesn't take", () => {
  const text = `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  max_container_log_line_size = 100
`;
  assert.match(migrateConfig(text, "c").missing.join(), /logs\.max_line_bytes: must be/);
});

Deno.test("migrateConfig() refuses version 1 and what isn't TOML, and says what to do", () => {
  assert.throws(() => migrateConfig("", "c.toml"), /c\.toml is of version 1, older than 2/);
  assert.throws(() => migrateConfig("= x", "c.toml"), /c\.toml can't be read as TOML/);
});

Deno.test("migrateConfig() takes keys and runtimes that are named as what every object inherits", () => {
  const plugin = 'plugins."io.containerd.grpc.v1.cri"';
  const { toml } = migrateConfig(
    `version = 2
[${plugin}]
toString = 1
[${plugin}.containerd.runtimes.__proto__]
runtime_type = "polluted"
[${plugin}.containerd.runtimes.valueOf]
runtime_type = "io.containerd.runc.v2"
constructor = 2
`,
    "config.toml",
  );
  assert.match(toml, /valueOf/);
  assert.equal(Reflect.get({}, "type"), undefined);
});
