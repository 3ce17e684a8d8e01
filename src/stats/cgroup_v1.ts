/** A sample of a cgroup of version 1. https://docs.kernel.org/admin-guide/cgroup-v1/ */
import { parseNumber, parsePressure, pick, type ReadFile } from "./cgroup_files.ts";
import type { Cgroup } from "./cgroups.ts";
import { type CpuSample, type MemorySample, type Sample, workingSet } from "./sample.ts";

type CgroupV1 = Cgroup & { version: 1 };

/** "No limit" is the largest number of pages in bytes, which depends on the page's size. */
const UNLIMITED = 2n ** 62n;

/** "total_" counts the cgroups below too, as usage and limits do. */
const STAT = [
  "total_rss",
  "total_inactive_file",
  "total_pgfault",
  "total_pgmajfault",
  "total_swap",
  "hierarchical_memory_limit",
  "hierarchical_memsw_limit",
] as const;

export function sampleV1(read: ReadFile, cgroup: CgroupV1, atNs: bigint): Sample {
  const memory = readMemory(read, cgroup);
  return {
    atNs,
    cpu: readCpu(read, cgroup),
    memory: memory?.sample,
    swap: memory?.swap,
    ioPressure: pressure(read, cgroup, "io"),
    tasks: parseNumber(file(read, cgroup, "pids.current")),
  };
}

function readCpu(read: ReadFile, cgroup: CgroupV1): CpuSample | undefined {
  const usageNs = cpuUsageV1(read, cgroup);
  return usageNs === undefined ? undefined : { usageNs, pressure: pressure(read, cgroup, "cpu") };
}

export function cpuUsageV1(read: ReadFile, cgroup: CgroupV1): bigint | undefined {
  return parseNumber(file(read, cgroup, "cpuacct.usage"));
}

function readMemory(read: ReadFile, cgroup: CgroupV1) {
  const usageBytes = parseNumber(file(read, cgroup, "memory.usage_in_bytes"));
  const stat = pick(file(read, cgroup, "memory.stat"), STAT);
  if (usageBytes === undefined) return undefined;
  const limitBytes = limited(stat.hierarchical_memory_limit);
  const sample: MemorySample = {
    usageBytes,
    workingSetBytes: workingSet(usageBytes, stat.total_inactive_file ?? 0n),
    rssBytes: stat.total_rss ?? 0n,
    pageFaults: stat.total_pgfault ?? 0n,
    majorPageFaults: stat.total_pgmajfault ?? 0n,
    limitBytes,
    pressure: pressure(read, cgroup, "memory"),
  };
  const swapped = stat.total_swap;
  // The limit of version 1 is for memory and swap together.
  const bothBytes = limited(stat.hierarchical_memsw_limit);
  const swapLimit = bothBytes === undefined || limitBytes === undefined
    ? undefined
    : bothBytes - limitBytes;
  const swap = swapped === undefined ? undefined : { usageBytes: swapped, limitBytes: swapLimit };
  return { sample, swap };
}

function limited(limit: bigint | undefined): bigint | undefined {
  return limit === undefined || limit >= UNLIMITED ? undefined : limit;
}

function pressure(read: ReadFile, { unified }: CgroupV1, resource: string) {
  return unified === undefined ? undefined : parsePressure(read(`${unified}/${resource}.pressure`));
}

/** A file lies in the folder of the controller that its name begins with. */
function file(read: ReadFile, { controllers }: CgroupV1, name: string): string | undefined {
  const folder = controllers.get(name.slice(0, name.indexOf(".")));
  return folder === undefined ? undefined : read(`${folder}/${name}`);
}
