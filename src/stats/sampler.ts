/**
 * Samples of cgroups, straight from the kernel's files: nobody else is asked, so that a shim that
 * hangs holds nothing up.
 */
import { logger } from "../base/log.ts";
import { pick, type ReadFile } from "./cgroup_files.ts";
import { cpuUsageV1, sampleV1 } from "./cgroup_v1.ts";
import { cpuUsageV2, sampleV2 } from "./cgroup_v2.ts";
import {
  type Cgroup,
  cgroupOf,
  type Hierarchies,
  parentCgroup,
  parseHierarchies,
} from "./cgroups.ts";
import { CpuRate } from "./cpu_rate.ts";
import type { Sample } from "./sample.ts";
import { Turns } from "./turns.ts";

const log = logger("stats");

/** How often the use of CPUs is read when nobody asks, so that a rate is at hand when somebody does. */
const RATE_INTERVAL_MS = 10_000;

/** Whoever asks within so long after another gets the same: lists of pods have their containers in
 * them, and a node's collectors ask for both. The sample says when it was taken. */
const MAX_AGE_NS = 500_000_000n;

/** What is to be measured: the cgroup that a process is in, or the one above it. */
export interface Target {
  /** Of the container whose process it is; its cgroup has the id in its name. */
  readonly id: string;
  readonly pid: number;
  readonly startedAtNs: bigint;
  /** A pod's cgroup is above that of its sandbox container. */
  readonly of: "process" | "parent";
}

/** A sample and how busy it is. */
export interface Measured {
  readonly sample: Sample;
  /** Undefined while it isn't known. */
  readonly nanoCores: bigint | undefined;
}

interface Tracked {
  readonly pid: number;
  readonly cgroup: Cgroup | undefined;
  readonly rate: CpuRate;
  last: Measured | undefined;
}

export interface SamplerDeps {
  readonly readFile: ReadFile;
  nowNs(): bigint;
}

export class Sampler {
  readonly #deps: SamplerDeps;
  readonly #tracked = new Map<string, Tracked>();
  #hierarchies: Hierarchies | undefined;

  constructor(deps: SamplerDeps) {
    this.#deps = deps;
  }

  /** Undefined when the process has ended. The same object is the same sample. */
  measure(target: Target): Measured | undefined {
    const tracked = this.#track(target);
    const nowNs = this.#deps.nowNs();
    const { last } = tracked;
    if (last === undefined || nowNs - last.sample.atNs > MAX_AGE_NS) {
      tracked.last = this.#take(tracked, nowNs);
    }
    return tracked.last;
  }

  #take({ cgroup, rate }: Tracked, atNs: bigint): Measured | undefined {
    if (cgroup === undefined) return undefined;
    const sample = sampleOf(this.#deps.readFile, cgroup, atNs);
    const { cpu, memory } = sample;
    // The cgroup has gone since: its container ends in this moment.
    if (cpu === undefined && memory === undefined) return undefined;
    return { sample, nanoCores: cpu && rate.update({ atNs, usageNs: cpu.usageNs }) };
  }

  /** Where it is measured; undefined when the process has ended. */
  cgroupOf(target: Target): Cgroup | undefined {
    return this.#track(target).cgroup;
  }

  /**
   * How often the kernel has killed a process of a cgroup for memory; undefined where that can't be
   * told. By its path, for the process that could be asked may be the one that was killed.
   */
  oomKills(path: string): bigint | undefined {
    const hierarchies = this.#mounted();
    const memory = hierarchies.get("memory");
    const mountPoint = (memory ?? hierarchies.get(""))?.mountPoint;
    const file = memory === undefined ? "memory.events" : "memory.oom_control";
    return pick(this.#deps.readFile(`${mountPoint}${path}/${file}`), ["oom_kill"]).oom_kill;
  }

  /** What this id stood for has ended. */
  forget(id: string): void {
    this.#tracked.delete(id);
  }

  /** Reads from time to time how much of the CPUs the targets have used, until it is stopped. */
  start(targets: () => Iterable<Target>, stopping: AbortSignal): void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const next = async () => {
      try {
        await this.readRates(targets());
      } catch (error) {
        log.error("Cannot read how busy containers are: {error}", { error });
      }
      if (!stopping.aborted) timer = setTimeout(next, RATE_INTERVAL_MS);
    };
    stopping.addEventListener("abort", () => clearTimeout(timer), { once: true });
    void next();
  }

  async readRates(targets: Iterable<Target>): Promise<void> {
    const { readFile, nowNs } = this.#deps;
    const turns = new Turns();
    // Not copied: what has ended meanwhile is not read, or it would be known again.
    for (const target of targets) {
      const { cgroup, rate } = this.#track(target);
      const usageNs = cgroup && cpuUsage(readFile, cgroup);
      if (usageNs !== undefined) rate.update({ atNs: nowNs(), usageNs });
      await turns.next();
    }
  }

  #track(target: Target): Tracked {
    const { id, pid, startedAtNs } = target;
    const known = this.#tracked.get(id);
    if (known?.pid === pid) return known;
    const rate = new CpuRate(startedAtNs);
    const tracked: Tracked = { pid, cgroup: this.#find(target), rate, last: undefined };
    this.#tracked.set(id, tracked);
    return tracked;
  }

  #mounted(): Hierarchies {
    return this.#hierarchies ??= parseHierarchies(
      this.#deps.readFile("/proc/self/mountinfo") ?? "",
    );
  }

  #find(target: Target): Cgroup | undefined {
    const own = cgroupOf(this.#deps.readFile, this.#mounted(), target);
    return own === undefined || target.of === "process" ? own : parentCgroup(own);
  }
}

function sampleOf(read: ReadFile, cgroup: Cgroup, atNs: bigint): Sample {
  return cgroup.version === 1 ? sampleV1(read, cgroup, atNs) : sampleV2(read, cgroup, atNs);
}

function cpuUsage(read: ReadFile, cgroup: Cgroup): bigint | undefined {
  return cgroup.version === 1 ? cpuUsageV1(read, cgroup) : cpuUsageV2(read, cgroup.folder);
}
