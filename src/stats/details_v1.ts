/** Details of a cgroup of version 1. */
import { parseNumber, pick, type ReadFile } from "./cgroup_files.ts";
import type { Cgroup } from "./cgroups.ts";
import {
  type CpuDetails,
  type Details,
  deviceOf,
  type HugetlbUsage,
  type IoCounters,
  type MemoryDetails,
} from "./details.ts";

type Read = (controller: string, file: string) => string | undefined;

const CPU_STAT = ["nr_periods", "nr_throttled", "throttled_time"] as const;
const MEMORY_STAT = [
  "total_cache",
  "total_mapped_file",
  "total_active_file",
  "total_inactive_file",
] as const;

export function detailsV1(
  readFile: ReadFile,
  { controllers }: Cgroup & { version: 1 },
  pageSizes: readonly string[],
): Details {
  const read: Read = (controller, file) => {
    const folder = controllers.get(controller);
    return folder === undefined ? undefined : readFile(`${folder}/${file}`);
  };
  return {
    cpu: readCpu(read),
    memory: readMemory(read),
    io: readIo(readFile, read),
    maxTasks: maxOf(read("pids", "pids.max")),
    oomKills: pick(read("memory", "memory.oom_control"), ["oom_kill"]).oom_kill,
    hugetlb: pageSizes.flatMap((size) => readHugetlb(read, size)),
  };
}

function readCpu(read: Read): CpuDetails {
  const stat = pick(read("cpu", "cpu.stat"), CPU_STAT);
  return {
    userNs: parseNumber(read("cpuacct", "cpuacct.usage_user")),
    systemNs: parseNumber(read("cpuacct", "cpuacct.usage_sys")),
    periods: stat.nr_periods,
    throttledPeriods: stat.nr_throttled,
    throttledNs: stat.throttled_time,
  };
}

function readMemory(read: Read): MemoryDetails {
  const stat = pick(read("memory", "memory.stat"), MEMORY_STAT);
  return {
    cacheBytes: stat.total_cache,
    mappedFileBytes: stat.total_mapped_file,
    activeFileBytes: stat.total_active_file,
    inactiveFileBytes: stat.total_inactive_file,
    kernelBytes: parseNumber(read("memory", "memory.kmem.usage_in_bytes")),
    maxUsageBytes: parseNumber(read("memory", "memory.max_usage_in_bytes")),
    failures: parseNumber(read("memory", "memory.failcnt")),
  };
}

/** Lines of `8:0 Read 4096`, and totals. */
function readIo(readFile: ReadFile, read: Read): IoCounters[] {
  const bytes = byDevice(read("blkio", "blkio.throttle.io_service_bytes_recursive"));
  const counts = byDevice(read("blkio", "blkio.throttle.io_serviced_recursive"));
  return [...bytes].map(([device, of]) => {
    const [major = "", minor = ""] = device.split(":");
    const count = counts.get(device);
    return {
      device: deviceOf(readFile, major, minor),
      major,
      minor,
      readBytes: of.get("Read") ?? 0n,
      writeBytes: of.get("Write") ?? 0n,
      reads: count?.get("Read") ?? 0n,
      writes: count?.get("Write") ?? 0n,
    };
  });
}

function byDevice(text: string | undefined): Map<string, Map<string, bigint>> {
  const devices = new Map<string, Map<string, bigint>>();
  for (const line of text?.split("\n") ?? []) {
    const [device = "", operation = "", value] = line.split(" ");
    const number = parseNumber(value);
    if (number === undefined) continue;
    const operations = devices.get(device) ?? new Map<string, bigint>();
    devices.set(device, operations.set(operation, number));
  }
  return devices;
}

function readHugetlb(read: Read, pageSize: string): HugetlbUsage[] {
  const usageBytes = parseNumber(read("hugetlb", `hugetlb.${pageSize}.usage_in_bytes`));
  if (usageBytes === undefined) return [];
  const maxUsageBytes = parseNumber(read("hugetlb", `hugetlb.${pageSize}.max_usage_in_bytes`));
  return [{ pageSize, usageBytes, maxUsageBytes }];
}

/** "max" is told as 0, as collectors know it. */
export function maxOf(text: string | undefined): bigint | undefined {
  return text === undefined ? undefined : parseNumber(text) ?? 0n;
}
