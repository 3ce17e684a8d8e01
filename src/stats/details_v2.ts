/** Details of a cgroup of version 2. */
import { parseNumber, pick, type ReadFile } from "./cgroup_files.ts";
import {
  type CpuDetails,
  type Details,
  deviceOf,
  type HugetlbUsage,
  type IoCounters,
  type MemoryDetails,
} from "./details.ts";
import { maxOf } from "./details_v1.ts";

type Read = (file: string) => string | undefined;

const NS_PER_US = 1000n;

const CPU_STAT = [
  "user_usec",
  "system_usec",
  "nr_periods",
  "nr_throttled",
  "throttled_usec",
] as const;
const MEMORY_STAT = ["file", "file_mapped", "active_file", "inactive_file", "kernel"] as const;

export function detailsV2(
  readFile: ReadFile,
  folder: string,
  pageSizes: readonly string[],
): Details {
  const read: Read = (file) => readFile(`${folder}/${file}`);
  const events = pick(read("memory.events"), ["max", "oom_kill"]);
  return {
    cpu: readCpu(read),
    memory: { ...readMemory(read), failures: events.max },
    io: readIo(readFile, read("io.stat")),
    maxTasks: maxOf(read("pids.max")),
    oomKills: events.oom_kill,
    hugetlb: pageSizes.flatMap((size) => readHugetlb(read, size)),
  };
}

function readCpu(read: Read): CpuDetails {
  const stat = pick(read("cpu.stat"), CPU_STAT);
  const ns = (us: bigint | undefined) => us === undefined ? undefined : us * NS_PER_US;
  return {
    userNs: ns(stat.user_usec),
    systemNs: ns(stat.system_usec),
    periods: stat.nr_periods,
    throttledPeriods: stat.nr_throttled,
    throttledNs: ns(stat.throttled_usec),
  };
}

function readMemory(read: Read): Omit<MemoryDetails, "failures"> {
  const stat = pick(read("memory.stat"), MEMORY_STAT);
  return {
    cacheBytes: stat.file,
    mappedFileBytes: stat.file_mapped,
    activeFileBytes: stat.active_file,
    inactiveFileBytes: stat.inactive_file,
    kernelBytes: stat.kernel,
    maxUsageBytes: parseNumber(read("memory.peak")),
  };
}

/** Lines of `8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0`. */
function readIo(readFile: ReadFile, text: string | undefined): IoCounters[] {
  const counters: IoCounters[] = [];
  for (const line of text?.split("\n") ?? []) {
    const [device = "", ...pairs] = line.split(" ");
    const [major = "", minor] = device.split(":");
    if (minor === undefined || pairs.length === 0) continue;
    const values = new Map(pairs.map((pair) => {
      const [key = "", value] = pair.split("=");
      return [key, parseNumber(value) ?? 0n];
    }));
    counters.push({
      device: deviceOf(readFile, major, minor),
      major,
      minor,
      readBytes: values.get("rbytes") ?? 0n,
      writeBytes: values.get("wbytes") ?? 0n,
      reads: values.get("rios") ?? 0n,
      writes: values.get("wios") ?? 0n,
    });
  }
  return counters;
}

function readHugetlb(read: Read, pageSize: string): HugetlbUsage[] {
  const usageBytes = parseNumber(read(`hugetlb.${pageSize}.current`));
  return usageBytes === undefined ? [] : [{ pageSize, usageBytes, maxUsageBytes: undefined }];
}
