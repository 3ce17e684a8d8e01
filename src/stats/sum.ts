/** Several cgroups taken together. */
import type { CpuSample, MemorySample } from "./sample.ts";
import type { Measured } from "./sampler.ts";

/** Limits and pressure are those of one cgroup and can't be added up; they are left out. */
export function sumOf(parts: readonly (Measured | undefined)[]): Measured | undefined {
  const measured = parts.filter((part) => part !== undefined);
  const last = measured.at(-1);
  if (last === undefined) return undefined;
  const samples = measured.map(({ sample }) => sample);
  return {
    sample: {
      atNs: last.sample.atNs,
      cpu: sumCpu(samples.map(({ cpu }) => cpu).filter((cpu) => cpu !== undefined)),
      memory: sumMemory(samples.map(({ memory }) => memory).filter((one) => one !== undefined)),
      swap: undefined,
      ioPressure: undefined,
      tasks: sum(samples.map(({ tasks }) => tasks ?? 0n)),
    },
    nanoCores: sum(measured.map(({ nanoCores }) => nanoCores ?? 0n)),
  };
}

function sumCpu(parts: readonly CpuSample[]): CpuSample | undefined {
  if (parts.length === 0) return undefined;
  return { usageNs: sum(parts.map(({ usageNs }) => usageNs)), pressure: undefined };
}

function sumMemory(parts: readonly MemorySample[]): MemorySample | undefined {
  if (parts.length === 0) return undefined;
  return {
    usageBytes: sum(parts.map((part) => part.usageBytes)),
    workingSetBytes: sum(parts.map((part) => part.workingSetBytes)),
    rssBytes: sum(parts.map((part) => part.rssBytes)),
    pageFaults: sum(parts.map((part) => part.pageFaults)),
    majorPageFaults: sum(parts.map((part) => part.majorPageFaults)),
    limitBytes: undefined,
    pressure: undefined,
  };
}

function sum(values: readonly bigint[]): bigint {
  return values.reduce((total, value) => total + value, 0n);
}
