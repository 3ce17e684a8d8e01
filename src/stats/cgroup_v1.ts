/** A sample of a cgroup of version 1. https://docs.kernel.org/admin-guide/cgroup-v1/ */
import { parseFlat, parseNumber, parsePressure, type ReadFile } from "./cgroup_files.ts";
import type { Cgroup } from "./cgroups.ts";
import { type CpuSample, type MemorySample, type Sample, workingSet } from "./sample.ts";

type CgroupV1 = Cgroup & { version: 1 };

/** "No limit" is the largest number of pages in bytes, which depends on the page's size. */
const UNLIMITED = 2n ** 62n;

export function sampleV1(read: ReadFile, cgroup: CgroupV1, atNs: bigint): Sample {
  const memory = readMemory(read, cgroup);
  return {
    atNs,
    cpu: readCpu(read, cgroup),
    memory: memory?.sample,
    swap: memory?.swap,
    ioPressure: pressure(read, cgroup, "io"),
    tasks: parseNumber(file(read, cgroup, "pids", "pids.current")),
  };
}

function readCpu(read: ReadFile, cgroup: CgroupV1): CpuSample | undefined {
  const usageNs = cpuUsageV1(read, cgroup);
  return usageNs === undefined ? undefined : { usageNs, pressure: pressure(read, cgroup, "cpu") };
}

export function cpuUsageV1(read: ReadFile, cgroup: CgroupV1): bigint | undefined {
  return parseNumber(file(read, cgroup, "cpuacct", "cpuacct.usage"));
}

function readMemory(read: ReadFile, cgroup: CgroupV1) {
  const usageBytes = parseNumber(file(read, cgroup, "memory", "memory.usage_in_bytes"));
  const stat = parseFlat(file(read, cgroup, "memory", "memory.stat"));
  if (usageBytes === undefined || stat.size === 0) return undefined;
  // "total_" counts the cgroups below too, as usage and limits do.
  const total = (key: string) => stat.get(`total_${key}`) ?? 0n;
  const limitBytes = limited(stat.get("hierarchical_memory_limit"));
  const sample: MemorySample = {
    usageBytes,
    workingSetBytes: workingSet(usageBytes, total("inactive_file")),
    rssBytes: total("rss"),
    pageFaults: total("pgfault"),
    majorPageFaults: total("pgmajfault"),
    limitBytes,
    pressure: pressure(read, cgroup, "memory"),
  };
  const swapped = stat.get("total_swap");
  // The limit of version 1 is for memory and swap together.
  const bothBytes = limited(stat.get("hierarchical_memsw_limit"));
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

function file(
  read: ReadFile,
  { controllers }: CgroupV1,
  controller: string,
  name: string,
): string | undefined {
  const folder = controllers.get(controller);
  return folder === undefined ? undefined : read(`${folder}/${name}`);
}
