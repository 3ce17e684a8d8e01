/** A sample of a cgroup of version 2. https://docs.kernel.org/admin-guide/cgroup-v2.html */
import { parseNumber, parsePressure, pick, type ReadFile } from "./cgroup_files.ts";
import type { Cgroup } from "./cgroups.ts";
import {
  type CpuSample,
  type MemorySample,
  type Sample,
  type SwapSample,
  workingSet,
} from "./sample.ts";

type CgroupV2 = Cgroup & { version: 2 };

const NS_PER_US = 1000n;

const STAT = ["anon", "inactive_file", "pgfault", "pgmajfault"] as const;

export function sampleV2(read: ReadFile, { folder }: CgroupV2, atNs: bigint): Sample {
  return {
    atNs,
    cpu: readCpu(read, folder),
    memory: readMemory(read, folder),
    swap: readSwap(read, folder),
    ioPressure: parsePressure(read(`${folder}/io.pressure`)),
    tasks: parseNumber(read(`${folder}/pids.current`)),
  };
}

function readCpu(read: ReadFile, folder: string): CpuSample | undefined {
  const usageNs = cpuUsageV2(read, folder);
  if (usageNs === undefined) return undefined;
  return { usageNs, pressure: parsePressure(read(`${folder}/cpu.pressure`)) };
}

export function cpuUsageV2(read: ReadFile, folder: string): bigint | undefined {
  const usageUs = pick(read(`${folder}/cpu.stat`), ["usage_usec"]).usage_usec;
  return usageUs === undefined ? undefined : usageUs * NS_PER_US;
}

function readMemory(read: ReadFile, folder: string): MemorySample | undefined {
  const usageBytes = parseNumber(read(`${folder}/memory.current`));
  if (usageBytes === undefined) return undefined;
  const stat = pick(read(`${folder}/memory.stat`), STAT);
  return {
    usageBytes,
    workingSetBytes: workingSet(usageBytes, stat.inactive_file ?? 0n),
    rssBytes: stat.anon ?? 0n,
    pageFaults: stat.pgfault ?? 0n,
    majorPageFaults: stat.pgmajfault ?? 0n,
    limitBytes: parseNumber(read(`${folder}/memory.max`)),
    pressure: parsePressure(read(`${folder}/memory.pressure`)),
  };
}

function readSwap(read: ReadFile, folder: string): SwapSample | undefined {
  const usageBytes = parseNumber(read(`${folder}/memory.swap.current`));
  if (usageBytes === undefined) return undefined;
  return { usageBytes, limitBytes: parseNumber(read(`${folder}/memory.swap.max`)) };
}
