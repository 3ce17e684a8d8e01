/** What the whole process takes, under the names that Prometheus' clients of all languages use. */
import type { Metrics } from "../base/metrics.ts";
import { parseNumber, pick, type ReadFile } from "../stats/cgroup_files.ts";

/** Ticks of the clock that /proc counts in; it is 100 wherever Linux runs (time(7), USER_HZ). */
const TICKS_PER_S = 100;
const KIB = 1024;

/** Places in /proc/PID/stat, counted from behind the name (proc_pid_stat(5)). */
const UTIME = 11;
const STIME = 12;
const START_TIME = 19;

export function readProcess(into: Metrics, readFile: ReadFile): void {
  const field = (at: number) => Number(statFields(readFile)[at] ?? 0) / TICKS_PER_S;
  into.reading({
    name: "process_cpu_seconds_total",
    help: "CPU time used by all threads.",
    type: "counter",
    read: () => [{ value: round(field(UTIME) + field(STIME)) }],
  });
  into.reading({
    name: "process_start_time_seconds",
    help: "When the process was started, in seconds since the epoch.",
    type: "gauge",
    read: () => [{ value: round(bootTime(readFile) + field(START_TIME)) }],
  });
  into.reading({
    name: "process_resident_memory_bytes",
    help: "Memory in use.",
    type: "gauge",
    read: () => [{ value: statusKib(readFile, "VmRSS") * KIB }],
  });
  into.reading({
    name: "process_threads",
    help: "Threads of the process.",
    type: "gauge",
    read: () => [{ value: statusKib(readFile, "Threads") }],
  });
}

/** The name is in parentheses and may have any character in it. */
function statFields(readFile: ReadFile): string[] {
  const stat = readFile("/proc/self/stat") ?? "";
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function bootTime(readFile: ReadFile): number {
  return Number(pick(readFile("/proc/stat"), ["btime"]).btime ?? 0);
}

/** A line such as "VmRSS:     1234 kB". */
function statusKib(readFile: ReadFile, key: string): number {
  const value = readFile("/proc/self/status")?.match(new RegExp(`^${key}:\\s+(\\d+)`, "m"))?.[1];
  return Number(parseNumber(value) ?? 0n);
}

function round(seconds: number): number {
  return Math.round(seconds * TICKS_PER_S) / TICKS_PER_S;
}
