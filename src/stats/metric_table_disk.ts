/**
 * The metrics of disks and file systems. cAdvisor's list has some that no kernel tells of a cgroup
 * (times, merges, sectors): they are described, as collectors expect, and never told.
 */
import { MetricType } from "../gen/cri/v1/api.ts";
import type { IoCounters } from "./details.ts";
import type { LayerFacts, MetricRow, Value } from "./metric.ts";

const { COUNTER, GAUGE } = MetricType;

function io(name: string, help: string, of: (counters: IoCounters) => bigint): MetricRow {
  return {
    name: `container_fs_${name}_total`,
    help,
    type: COUNTER,
    labels: ["device"],
    values: ({ details }) => (details?.io ?? []).map((one): Value => [of(one), one.device]),
  };
}

function layer(name: string, help: string, of: (facts: LayerFacts) => bigint): MetricRow {
  return {
    name: `container_fs_${name}`,
    help,
    type: GAUGE,
    labels: ["device"],
    values: ({ container }) => container?.layer === undefined ? [] : [[of(container.layer), ""]],
  };
}

function untold(name: string, help: string, type: MetricType = COUNTER): MetricRow {
  return { name: `container_fs_${name}`, help, type, labels: ["device"], values: () => [] };
}

export const DISK_METRICS: readonly MetricRow[] = [
  layer("usage_bytes", "What its own files take.", (facts) => facts.usedBytes),
  layer("limit_bytes", "Size of the file system that they lie on.", (facts) => facts.totalBytes),
  layer("inodes_total", "Inodes of that file system.", (facts) => facts.inodes),
  layer("inodes_free", "Free inodes of that file system.", (facts) => facts.freeInodes),
  io("reads_bytes", "Bytes read.", (one) => one.readBytes),
  io("reads", "Reads done.", (one) => one.reads),
  io("writes_bytes", "Bytes written.", (one) => one.writeBytes),
  io("writes", "Writes done.", (one) => one.writes),
  {
    name: "container_blkio_device_usage_total",
    help: "Bytes read and written, by device.",
    type: COUNTER,
    labels: ["device", "major", "minor", "operation"],
    values: ({ details }) =>
      (details?.io ?? []).flatMap(({ device, major, minor, readBytes, writeBytes }): Value[] => [
        [readBytes, device, major, minor, "Read"],
        [writeBytes, device, major, minor, "Write"],
      ]),
  },
  untold("sector_reads_total", "Sectors read."),
  untold("sector_writes_total", "Sectors written."),
  untold("reads_merged_total", "Reads that were merged with others."),
  untold("writes_merged_total", "Writes that were merged with others."),
  untold("read_seconds_total", "Time spent reading, in seconds."),
  untold("write_seconds_total", "Time spent writing, in seconds."),
  untold("io_current", "Reads and writes in progress.", GAUGE),
  untold("io_time_seconds_total", "Time in which something was read or written, in seconds."),
  untold("io_time_weighted_seconds_total", "The same, weighted by how much waited."),
];
