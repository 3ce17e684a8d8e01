/**
 * The metrics of containers and pods under the names that cAdvisor gave them, so that a kubelet
 * which takes them from the CRI serves what dashboards know.
 * https://github.com/kubernetes/enhancements/tree/master/keps/sig-node/2371-cri-pod-container-stats
 */
import { MetricType } from "../gen/cri/v1/api.ts";
import { DISK_METRICS } from "./metric_table_disk.ts";
import { counter, gauge, type MetricRow, nsToSeconds, usToSeconds, type Value } from "./metric.ts";
import type { InterfaceCounters } from "./network.ts";
import type { Pressure } from "./sample.ts";

const CPU: readonly MetricRow[] = [
  {
    name: "container_cpu_usage_seconds_total",
    help: "CPU time used, in seconds.",
    type: MetricType.COUNTER,
    labels: ["cpu"],
    values: ({ measured }) => {
      const seconds = nsToSeconds(measured?.sample.cpu?.usageNs);
      return seconds === undefined ? [] : [[seconds, "total"]];
    },
  },
  counter(
    "container_cpu_user_seconds_total",
    "CPU time used by programs themselves, in seconds.",
    ({ details }) => nsToSeconds(details?.cpu.userNs),
  ),
  counter(
    "container_cpu_system_seconds_total",
    "CPU time used by the kernel on their behalf, in seconds.",
    ({ details }) => nsToSeconds(details?.cpu.systemNs),
  ),
  counter(
    "container_cpu_cfs_periods_total",
    "Periods of the CPU limit that have passed.",
    ({ details }) => details?.cpu.periods,
  ),
  counter(
    "container_cpu_cfs_throttled_periods_total",
    "Periods of the CPU limit in which it was reached.",
    ({ details }) => details?.cpu.throttledPeriods,
  ),
  counter(
    "container_cpu_cfs_throttled_seconds_total",
    "Time spent waiting for the next period of the CPU limit, in seconds.",
    ({ details }) => nsToSeconds(details?.cpu.throttledNs),
  ),
];

const MEMORY: readonly MetricRow[] = [
  gauge(
    "container_memory_usage_bytes",
    "Memory in use, whenever it was last needed.",
    ({ measured }) => measured?.sample.memory?.usageBytes,
  ),
  gauge(
    "container_memory_working_set_bytes",
    "Memory in use without file pages that nobody needed lately.",
    ({ measured }) => measured?.sample.memory?.workingSetBytes,
  ),
  gauge(
    "container_memory_rss",
    "Anonymous memory, in bytes.",
    ({ measured }) => measured?.sample.memory?.rssBytes,
  ),
  gauge(
    "container_memory_swap",
    "Swap in use, in bytes.",
    ({ measured }) => measured?.sample.swap?.usageBytes,
  ),
  gauge(
    "container_memory_cache",
    "Page cache, in bytes.",
    ({ details }) => details?.memory.cacheBytes,
  ),
  gauge(
    "container_memory_mapped_file",
    "Files mapped into memory, in bytes.",
    ({ details }) => details?.memory.mappedFileBytes,
  ),
  gauge(
    "container_memory_total_active_file_bytes",
    "Page cache that was needed lately, in bytes.",
    ({ details }) => details?.memory.activeFileBytes,
  ),
  gauge(
    "container_memory_total_inactive_file_bytes",
    "Page cache that nobody needed lately, in bytes.",
    ({ details }) => details?.memory.inactiveFileBytes,
  ),
  gauge(
    "container_memory_kernel_usage",
    "The kernel's own memory for it, in bytes.",
    ({ details }) => details?.memory.kernelBytes,
  ),
  gauge(
    "container_memory_max_usage_bytes",
    "The most memory that was ever in use.",
    ({ details }) => details?.memory.maxUsageBytes,
  ),
  counter(
    "container_memory_failcnt",
    "How often the memory limit was hit.",
    ({ details }) => details?.memory.failures,
  ),
  {
    name: "container_memory_failures_total",
    help: "Page faults, minor and major together as pgfault.",
    type: MetricType.COUNTER,
    labels: ["failure_type", "scope"],
    values: ({ measured }) => {
      const memory = measured?.sample.memory;
      if (memory === undefined) return [];
      // Faults are told with those of the cgroups below.
      return [
        [memory.pageFaults, "pgfault", "hierarchy"],
        [memory.majorPageFaults, "pgmajfault", "hierarchy"],
      ];
    },
  },
  counter(
    "container_oom_events_total",
    "Processes that the kernel killed for want of memory.",
    ({ details }) => details?.oomKills,
  ),
  {
    name: "container_hugetlb_usage_bytes",
    help: "Huge pages in use, in bytes.",
    type: MetricType.GAUGE,
    labels: ["pagesize"],
    values: ({ details }) =>
      (details?.hugetlb ?? []).map((one): Value => [one.usageBytes, one.pageSize]),
  },
  {
    name: "container_hugetlb_max_usage_bytes",
    help: "The most huge pages that were ever in use, in bytes.",
    type: MetricType.GAUGE,
    labels: ["pagesize"],
    values: ({ details }) =>
      (details?.hugetlb ?? []).flatMap(({ maxUsageBytes, pageSize }): Value[] =>
        maxUsageBytes === undefined ? [] : [[maxUsageBytes, pageSize]]
      ),
  },
];

function network(
  name: string,
  help: string,
  of: (counters: InterfaceCounters) => bigint,
): MetricRow {
  return {
    name: `container_network_${name}_total`,
    help,
    type: MetricType.COUNTER,
    labels: ["interface"],
    values: ({ interfaces }) => interfaces.map((one): Value => [of(one), one.name]),
  };
}

const NETWORK: readonly MetricRow[] = [
  network("receive_bytes", "Bytes received.", (one) => one.rxBytes),
  network("receive_packets", "Packets received.", (one) => one.rxPackets),
  network("receive_packets_dropped", "Packets dropped on arrival.", (one) => one.rxDropped),
  network("receive_errors", "Errors in receiving.", (one) => one.rxErrors),
  network("transmit_bytes", "Bytes sent.", (one) => one.txBytes),
  network("transmit_packets", "Packets sent.", (one) => one.txPackets),
  network("transmit_packets_dropped", "Packets dropped before sending.", (one) => one.txDropped),
  network("transmit_errors", "Errors in sending.", (one) => one.txErrors),
];

const PROCESSES: readonly MetricRow[] = [
  gauge("container_processes", "Processes.", ({ processes }) => processes),
  gauge(
    "container_threads",
    "Threads, of all processes.",
    ({ measured }) => measured?.sample.tasks,
  ),
  gauge(
    "container_threads_max",
    "Threads that it may have; 0 is any number.",
    ({ details }) => details?.maxTasks,
  ),
  gauge(
    "container_file_descriptors",
    "Open files, sockets included.",
    ({ container }) => count(container?.files?.files),
  ),
  gauge("container_sockets", "Open sockets.", ({ container }) => count(container?.files?.sockets)),
  {
    name: "container_ulimits_soft",
    help: "Soft limits of its first process; one that isn't told is none.",
    type: MetricType.GAUGE,
    labels: ["ulimit"],
    values: ({ container }) =>
      container?.maxOpenFiles === undefined ? [] : [[container.maxOpenFiles, "max_open_files"]],
  },
];

function count(files: number | undefined): bigint | undefined {
  return files === undefined ? undefined : BigInt(files);
}

const SPEC: readonly MetricRow[] = [
  gauge(
    "container_spec_cpu_period",
    "Period of the CPU limit, in microseconds.",
    ({ container }) => given(container?.limits.cpuPeriod),
  ),
  gauge(
    "container_spec_cpu_quota",
    "CPU time that it may use in a period, in microseconds.",
    ({ container }) => given(container?.limits.cpuQuota),
  ),
  gauge(
    "container_spec_cpu_shares",
    "Its share of CPUs that are busy.",
    ({ container }) => given(container?.limits.cpuShares),
  ),
  gauge(
    "container_spec_memory_limit_bytes",
    "Memory that it may use; 0 is any amount.",
    ({ container }) => container?.limits.memoryBytes,
  ),
  gauge(
    "container_spec_memory_reservation_limit_bytes",
    "Memory kept for it; the CRI has no such limit.",
    ({ container }) => container && 0n,
  ),
  gauge(
    "container_spec_memory_swap_limit_bytes",
    "Memory and swap that it may use; 0 is any amount.",
    ({ container }) => container?.limits.memorySwapBytes,
  ),
  gauge(
    "container_start_time_seconds",
    "When it was started, in seconds since the epoch.",
    ({ container }) => nsToSeconds(container?.startedAtNs),
  ),
  gauge(
    "container_last_seen",
    "When it was last seen to run, in seconds since the epoch.",
    ({ container }) => nsToSeconds(container?.seenAtNs),
  ),
];

/** A limit that wasn't given, or is none, isn't told. */
function given(limit: bigint | undefined): bigint | undefined {
  return limit === undefined || limit <= 0n ? undefined : limit;
}

function pressure(resource: "cpu" | "memory" | "io"): readonly MetricRow[] {
  const of = ({ measured }: Parameters<MetricRow["values"]>[0]): Pressure | undefined =>
    resource === "io" ? measured?.sample.ioPressure : measured?.sample[resource]?.pressure;
  return [
    counter(
      `container_pressure_${resource}_stalled_seconds_total`,
      `Time in which nothing could go on for want of ${resource}, in seconds.`,
      (subject) => usToSeconds(of(subject)?.full.totalUs),
    ),
    counter(
      `container_pressure_${resource}_waiting_seconds_total`,
      `Time in which something had to wait for ${resource}, in seconds.`,
      (subject) => usToSeconds(of(subject)?.some.totalUs),
    ),
  ];
}

export const METRICS: readonly MetricRow[] = [
  ...CPU,
  ...MEMORY,
  ...NETWORK,
  ...DISK_METRICS,
  ...PROCESSES,
  ...SPEC,
  ...pressure("cpu"),
  ...pressure("memory"),
  ...pressure("io"),
];
