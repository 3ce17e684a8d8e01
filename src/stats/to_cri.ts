/** Samples in the words of the CRI. */
import type {
  ContainerStats,
  CpuUsage,
  FilesystemUsage,
  IoUsage,
  MemoryUsage,
  NetworkInterfaceUsage,
  NetworkUsage,
  PsiData,
  PsiStats,
  SwapUsage,
} from "../gen/cri/v1/api.ts";
import type { InterfaceCounters } from "./network.ts";
import type { Pressure, PressureLine, Sample } from "./sample.ts";
import type { Measured } from "./sampler.ts";

/** What a container's own files take, as it was last measured. */
export interface LayerUsage {
  readonly sizeBytes: bigint;
  readonly inodes: bigint;
  readonly atNs: bigint;
  readonly mountpoint: string;
}

/** Of a container that doesn't run, only what its files take. */
export function toContainerStats(
  measured: Measured | undefined,
  layer: LayerUsage | undefined,
): ContainerStats {
  const sample = measured?.sample;
  return {
    attributes: undefined,
    cpu: toCpuUsage(measured),
    memory: toMemoryUsage(sample),
    writableLayer: layer && toFilesystemUsage(layer),
    swap: toSwapUsage(sample),
    io: toIoUsage(sample),
  };
}

export function toCpuUsage(measured: Measured | undefined): CpuUsage | undefined {
  if (measured?.sample.cpu === undefined) return undefined;
  const { atNs, cpu } = measured.sample;
  return {
    timestamp: atNs,
    usageCoreNanoSeconds: { value: cpu.usageNs },
    usageNanoCores: measured.nanoCores === undefined ? undefined : { value: measured.nanoCores },
    psi: toPsi(cpu.pressure),
  };
}

export function toMemoryUsage(sample: Sample | undefined): MemoryUsage | undefined {
  if (sample?.memory === undefined) return undefined;
  const { memory, atNs } = sample;
  const { limitBytes, workingSetBytes } = memory;
  return {
    timestamp: atNs,
    workingSetBytes: { value: workingSetBytes },
    availableBytes: rest(limitBytes, workingSetBytes),
    usageBytes: { value: memory.usageBytes },
    rssBytes: { value: memory.rssBytes },
    pageFaults: { value: memory.pageFaults },
    majorPageFaults: { value: memory.majorPageFaults },
    psi: toPsi(memory.pressure),
  };
}

function toSwapUsage(sample: Sample | undefined): SwapUsage | undefined {
  if (sample?.swap === undefined) return undefined;
  const { usageBytes, limitBytes } = sample.swap;
  return {
    timestamp: sample.atNs,
    swapAvailableBytes: rest(limitBytes, usageBytes),
    swapUsageBytes: { value: usageBytes },
  };
}

export function toIoUsage(sample: Sample | undefined): IoUsage | undefined {
  if (sample?.ioPressure === undefined) return undefined;
  return { timestamp: sample.atNs, psi: toPsi(sample.ioPressure) };
}

function toFilesystemUsage(layer: LayerUsage): FilesystemUsage {
  return {
    timestamp: layer.atNs,
    fsId: { mountpoint: layer.mountpoint },
    usedBytes: { value: layer.sizeBytes },
    inodesUsed: { value: layer.inodes },
  };
}

/** What CNI plugins call the interface that the pod's address is on. */
const DEFAULT_INTERFACE = "eth0";

export function toNetworkUsage(
  interfaces: readonly InterfaceCounters[],
  atNs: bigint,
): NetworkUsage {
  const first = interfaces.find(({ name }) => name === DEFAULT_INTERFACE) ?? interfaces[0];
  return {
    timestamp: atNs,
    defaultInterface: first && toInterfaceUsage(first),
    interfaces: interfaces.filter((one) => one !== first).map(toInterfaceUsage),
  };
}

function toInterfaceUsage(counters: InterfaceCounters): NetworkInterfaceUsage {
  return {
    name: counters.name,
    rxBytes: { value: counters.rxBytes },
    rxErrors: { value: counters.rxErrors },
    txBytes: { value: counters.txBytes },
    txErrors: { value: counters.txErrors },
  };
}

/** What is left of a limit, never below nothing; undefined without a limit. */
function rest(limit: bigint | undefined, used: bigint): { value: bigint } | undefined {
  if (limit === undefined) return undefined;
  return { value: limit > used ? limit - used : 0n };
}

function toPsi(pressure: Pressure | undefined): PsiStats | undefined {
  return pressure && { Full: toPsiData(pressure.full), Some: toPsiData(pressure.some) };
}

function toPsiData({ totalUs, avg10, avg60, avg300 }: PressureLine): PsiData {
  return { Total: totalUs, Avg10: avg10, Avg60: avg60, Avg300: avg300 };
}
