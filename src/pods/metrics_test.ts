import assert from "node:assert/strict";
import { FakeLinux } from "../../tests/fakes/linux.ts";
import { containerRecord, sandboxRecord } from "../../tests/fakes/records.ts";
import { V2 } from "../../tests/fixtures/cgroups.ts";
import type { ContainerId, SandboxId } from "../base/id.ts";
import { ListPodSandboxMetricsResponse, type Metric } from "../gen/cri/v1/api.ts";
import { ContainerStore } from "../state/containers.ts";
import { SandboxStore } from "../state/sandboxes.ts";
import { Sampler } from "../stats/sampler.ts";
import { listMetricDescriptors, podMetricsEntries } from "./metrics.ts";

const POD = sandboxRecord("web", {
  id: "cri-containerd-pod1" as SandboxId,
  state: { kind: "ready", pid: 100 },
});
const CONTAINER = {
  ...containerRecord(POD, "main"),
  id: "c1" as ContainerId,
};

async function collect() {
  const linux = new FakeLinux();
  for (const [path, text] of V2) linux.files.set(path, text);
  const slice = "/kubepods.slice/kubepods-web.slice";
  linux.files.set("/proc/100/cgroup", `0::${slice}/cri-containerd-pod1.scope\n`);
  linux.files.set("/proc/100/net/dev", "\n\n  eth0: 10 20 3 4 0 0 0 0 50 6 7 8 0 0 0 0\n");
  linux.files.set("/proc/200/limits", "Limit\nMax open files            1024     4096     files\n");
  const nowNs = () => 1_000_000_000_000n;
  const readFile = (path: string) => linux.readFileIfAny(path);
  const sandboxes = new SandboxStore();
  const containers = new ContainerStore();
  sandboxes.add(POD);
  containers.add(CONTAINER);
  const entries = await Array.fromAsync(podMetricsEntries({
    sandboxes,
    containers,
    sampler: new Sampler({ readFile, nowNs }),
    usage: {
      of: () => ({ sizeBytes: 123n, inodes: 4n }),
      mountpoint: "/snapshots",
      measuredAtNs: 1n,
    },
    readFile,
    nowNs,
    linux: {
      listFolder: () => ["hugepages-2048kB"],
      openFilesOf: () => ({ files: 7, sockets: 2 }),
      statfs: () => linux.space,
    },
  }));
  assert.equal(entries.length, 1);
  const bytes = entries[0] ?? new Uint8Array();
  const [pod] = ListPodSandboxMetricsResponse.decode(bytes).podMetrics;
  assert.ok(pod !== undefined);
  return { pod, container: pod.containerMetrics[0]?.metrics ?? [] };
}

const labelsOf = new Map(
  listMetricDescriptors().descriptors.map(({ name, labelKeys }) => [name, labelKeys]),
);

/** As Prometheus writes it, with the labels beside those that all have. */
function shown({ name, labelValues, value }: Metric): string {
  const keys = labelsOf.get(name) ?? [];
  const own = keys.slice(6).map((key, at) => `${key}=${labelValues[6 + at]}`);
  return `${name}{${own.join()}} ${value?.value ?? 0n}`;
}

Deno.test("every metric is described, once, and has a value for each label", async () => {
  const { descriptors } = listMetricDescriptors();
  assert.equal(new Set(descriptors.map(({ name }) => name)).size, descriptors.length);
  const { pod, container } = await collect();
  for (const metric of [...pod.metrics, ...container]) {
    assert.equal(metric.labelValues.length, labelsOf.get(metric.name)?.length, metric.name);
  }
});

Deno.test("a container's metrics are what the kernel and its configuration say (golden files)", async () => {
  const { container } = await collect();
  assert.deepEqual(container[0]?.labelValues.slice(0, 6), [
    "main",
    "/kubepods.slice/kubepods-web.slice/cri-containerd-c1.scope",
    "busybox:1",
    "c1",
    "shop",
    "web",
  ]);
  assert.deepEqual(container.map(shown), [
    "container_cpu_usage_seconds_total{cpu=total} 5",
    "container_cpu_user_seconds_total{} 4",
    "container_cpu_system_seconds_total{} 1",
    "container_cpu_cfs_periods_total{} 10",
    "container_cpu_cfs_throttled_periods_total{} 2",
    "container_cpu_cfs_throttled_seconds_total{} 0",
    "container_memory_usage_bytes{} 10485760",
    "container_memory_working_set_bytes{} 9437184",
    "container_memory_rss{} 6291456",
    "container_memory_swap{} 1048576",
    "container_memory_cache{} 4194304",
    "container_memory_mapped_file{} 2097152",
    "container_memory_total_active_file_bytes{} 3145728",
    "container_memory_total_inactive_file_bytes{} 1048576",
    "container_memory_kernel_usage{} 65536",
    "container_memory_max_usage_bytes{} 12582912",
    "container_memory_failcnt{} 4",
    "container_memory_failures_total{failure_type=pgfault,scope=hierarchy} 777",
    "container_memory_failures_total{failure_type=pgmajfault,scope=hierarchy} 7",
    "container_oom_events_total{} 1",
    "container_hugetlb_usage_bytes{pagesize=2MB} 2097152",
    "container_fs_usage_bytes{device=} 123",
    "container_fs_limit_bytes{device=} 107374182400",
    "container_fs_inodes_total{device=} 1000000",
    "container_fs_inodes_free{device=} 900000",
    "container_fs_reads_bytes_total{device=/dev/sda} 4096",
    "container_fs_reads_total{device=/dev/sda} 1",
    "container_fs_writes_bytes_total{device=/dev/sda} 8192",
    "container_fs_writes_total{device=/dev/sda} 2",
    "container_blkio_device_usage_total{device=/dev/sda,major=8,minor=0,operation=Read} 4096",
    "container_blkio_device_usage_total{device=/dev/sda,major=8,minor=0,operation=Write} 8192",
    "container_processes{} 2",
    "container_threads{} 3",
    "container_threads_max{} 100",
    "container_file_descriptors{} 14",
    "container_sockets{} 4",
    "container_ulimits_soft{ulimit=max_open_files} 1024",
    "container_spec_memory_limit_bytes{} 0",
    "container_spec_memory_reservation_limit_bytes{} 0",
    "container_spec_memory_swap_limit_bytes{} 0",
    "container_start_time_seconds{} 0",
    "container_last_seen{} 1000",
    "container_pressure_cpu_stalled_seconds_total{} 0",
    "container_pressure_cpu_waiting_seconds_total{} 0",
    "container_pressure_memory_stalled_seconds_total{} 0",
    "container_pressure_memory_waiting_seconds_total{} 0",
    "container_pressure_io_stalled_seconds_total{} 0",
    "container_pressure_io_waiting_seconds_total{} 0",
  ]);
});

Deno.test("a pod's metrics have its network and its own cgroup's figures", async () => {
  const { pod } = await collect();
  assert.deepEqual(pod.metrics[0]?.labelValues.slice(0, 6), [
    "",
    "/kubepods.slice/kubepods-web.slice",
    "",
    POD.id,
    "shop",
    "web",
  ]);
  const lines = pod.metrics.map(shown);
  assert.ok(lines.includes("container_memory_working_set_bytes{} 9437184"));
  assert.deepEqual(lines.filter((line) => line.startsWith("container_network")), [
    "container_network_receive_bytes_total{interface=eth0} 10",
    "container_network_receive_packets_total{interface=eth0} 20",
    "container_network_receive_packets_dropped_total{interface=eth0} 4",
    "container_network_receive_errors_total{interface=eth0} 3",
    "container_network_transmit_bytes_total{interface=eth0} 50",
    "container_network_transmit_packets_total{interface=eth0} 6",
    "container_network_transmit_packets_dropped_total{interface=eth0} 8",
    "container_network_transmit_errors_total{interface=eth0} 7",
  ]);
});
