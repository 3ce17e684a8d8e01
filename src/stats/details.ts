/** What collectors of metrics ask for beyond a {@link Sample}: read when they ask, and only then. */
import type { ReadFile } from "./cgroup_files.ts";
import type { Cgroup } from "./cgroups.ts";
import { detailsV1 } from "./details_v1.ts";
import { detailsV2 } from "./details_v2.ts";

/** Undefined is what this kernel doesn't tell. */
export interface Details {
  readonly cpu: CpuDetails;
  readonly memory: MemoryDetails;
  /** By device. */
  readonly io: readonly IoCounters[];
  /** Processes and threads; 0 is any number. */
  readonly maxTasks: bigint | undefined;
  readonly oomKills: bigint | undefined;
  /** By size of the pages. */
  readonly hugetlb: readonly HugetlbUsage[];
}

export interface CpuDetails {
  readonly userNs: bigint | undefined;
  readonly systemNs: bigint | undefined;
  /** Of the limit of CPU time; undefined without one. */
  readonly periods: bigint | undefined;
  readonly throttledPeriods: bigint | undefined;
  readonly throttledNs: bigint | undefined;
}

export interface MemoryDetails {
  readonly cacheBytes: bigint | undefined;
  readonly mappedFileBytes: bigint | undefined;
  readonly activeFileBytes: bigint | undefined;
  readonly inactiveFileBytes: bigint | undefined;
  readonly kernelBytes: bigint | undefined;
  readonly maxUsageBytes: bigint | undefined;
  /** How often the limit was hit. */
  readonly failures: bigint | undefined;
}

export interface IoCounters {
  /** "/dev/sda" */
  readonly device: string;
  readonly major: string;
  readonly minor: string;
  readonly readBytes: bigint;
  readonly writeBytes: bigint;
  readonly reads: bigint;
  readonly writes: bigint;
}

export interface HugetlbUsage {
  /** "2MB" */
  readonly pageSize: string;
  readonly usageBytes: bigint;
  readonly maxUsageBytes: bigint | undefined;
}

/** @param pageSizes the sizes of huge pages that this kernel has, such as "2MB" */
export function detailsOf(
  read: ReadFile,
  cgroup: Cgroup,
  pageSizes: readonly string[],
): Details {
  return cgroup.version === 1
    ? detailsV1(read, cgroup, pageSizes)
    : detailsV2(read, cgroup.folder, pageSizes);
}

/** The path of a device; its numbers, for one that has none. */
export function deviceOf(read: ReadFile, major: string, minor: string): string {
  const name = read(`/sys/dev/block/${major}:${minor}/uevent`)?.match(/^DEVNAME=(.+)$/m)?.[1];
  return name === undefined ? `${major}:${minor}` : `/dev/${name}`;
}

/** The sizes as cgroups name them, out of the names of folders such as "hugepages-2048kB". */
export function pageSizesOf(folders: readonly string[]): string[] {
  return folders.flatMap((name) => {
    const kib = Number(name.match(/^hugepages-(\d+)kB$/)?.[1] ?? 0);
    if (kib === 0) return [];
    if (kib % 1_048_576 === 0) return [`${kib / 1_048_576}GB`];
    return [kib % 1024 === 0 ? `${kib / 1024}MB` : `${kib}KB`];
  });
}
