/** What the kernel says about one cgroup at one moment, the same for both versions of cgroups. */

/** Time that tasks lost waiting for a resource, as pressure files tell it. */
export interface Pressure {
  readonly some: PressureLine;
  /** Of the CPU it is zero but for cgroups, and old kernels leave it out. */
  readonly full: PressureLine;
}

export interface PressureLine {
  /** Shares of the last 10, 60 and 300 seconds, in percent. */
  readonly avg10: number;
  readonly avg60: number;
  readonly avg300: number;
  readonly totalUs: bigint;
}

/** Undefined is what this kernel doesn't tell. */
export interface Sample {
  readonly atNs: bigint;
  readonly cpu: CpuSample | undefined;
  readonly memory: MemorySample | undefined;
  readonly swap: SwapSample | undefined;
  readonly ioPressure: Pressure | undefined;
  /** Processes and threads. */
  readonly tasks: bigint | undefined;
}

export interface CpuSample {
  readonly usageNs: bigint;
  readonly pressure: Pressure | undefined;
}

export interface MemorySample {
  readonly usageBytes: bigint;
  /** What the kernel can't take back at once: usage without file pages that nobody used lately. */
  readonly workingSetBytes: bigint;
  readonly rssBytes: bigint;
  readonly pageFaults: bigint;
  readonly majorPageFaults: bigint;
  /** Undefined when there is none. */
  readonly limitBytes: bigint | undefined;
  readonly pressure: Pressure | undefined;
}

export interface SwapSample {
  readonly usageBytes: bigint;
  readonly limitBytes: bigint | undefined;
}

/** Usage without what could be taken back at once, never below nothing. */
export function workingSet(usageBytes: bigint, inactiveFileBytes: bigint): bigint {
  return usageBytes > inactiveFileBytes ? usageBytes - inactiveFileBytes : 0n;
}
