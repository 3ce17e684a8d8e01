/** The metrics that are read when somebody asks: what the daemon holds, and what it takes. */
import { type Metrics, metrics, type Reading } from "../base/metrics.ts";
import { VERSION } from "../base/version.ts";
import type { ContainerEvents } from "../events/container_events.ts";
import type { LogCounters } from "../logs/counters.ts";
import type { ContainerStore } from "../state/containers.ts";
import type { SandboxStore } from "../state/sandboxes.ts";
import type { ReadFile } from "../stats/cgroup_files.ts";
import { readProcess } from "./process_metrics.ts";
import { type CompartmentUsage, usageService } from "./usage.ts";

/** A compartment that doesn't answer by then has nothing to tell. */
const ASK_TIMEOUT_MS = 1_000;

/** A call to another compartment, as a channel makes it. */
type Ask<T> = (options: { timeoutMs: number }) => Promise<T>;

export interface NodeMetricsDeps {
  readonly sandboxes: SandboxStore;
  readonly containers: ContainerStore;
  readonly events: Pick<ContainerEvents, "load">;
  readonly readFile: ReadFile;
  readonly counters: Ask<LogCounters>;
  /** By name of the compartment. */
  readonly usage: ReadonlyMap<string, Ask<CompartmentUsage>>;
}

/** What the others said when they were last asked. */
interface Told {
  logs: LogCounters | undefined;
  readonly usage: Map<string, CompartmentUsage>;
}

/**
 * Adds them to this thread's metrics.
 *
 * @returns asks the other compartments anew; to be called before the metrics are written
 */
export function nodeMetrics(deps: NodeMetricsDeps, into: Metrics = metrics): () => Promise<void> {
  const told: Told = { logs: undefined, usage: new Map() };
  into.reading({
    name: "cri_containerd_build_info",
    help: "Which version this is; always 1.",
    type: "gauge",
    labels: ["version"],
    read: () => [{ labels: { version: VERSION }, value: 1 }],
  });
  into.reading({
    name: "cri_containerd_pods",
    help: "Pods by state.",
    type: "gauge",
    labels: ["state"],
    read: () => byState(["pending", "ready", "notReady"], deps.sandboxes.values()),
  });
  into.reading({
    name: "cri_containerd_containers",
    help: "Containers by state.",
    type: "gauge",
    labels: ["state"],
    read: () => byState(["created", "running", "exited", "unknown"], deps.containers.values()),
  });
  addEvents(into, deps.events);
  addLogs(into, told);
  addJournal(into, told);
  addHeap(into, told);
  addCpu(into, told);
  readProcess(into, deps.readFile);
  return () => ask(deps, told);
}

function addEvents(into: Metrics, events: NodeMetricsDeps["events"]): void {
  into.reading({
    name: "cri_containerd_event_subscribers",
    help: "Who follows the events of containers.",
    type: "gauge",
    read: () => [{ value: events.load.subscribers }],
  });
  into.reading({
    name: "cri_containerd_event_backlog",
    help: "Events that wait for the slowest subscriber.",
    type: "gauge",
    read: () => [{ value: events.load.waiting }],
  });
}

function addLogs(into: Metrics, told: Told): void {
  into.reading({
    name: "cri_containerd_log_written_bytes_total",
    help: "Bytes written to containers' logs.",
    type: "counter",
    read: () => one(told.logs?.writtenBytes),
  });
  into.reading({
    name: "cri_containerd_log_lost_bytes_total",
    help: "Bytes of containers' logs that no disk took.",
    type: "counter",
    read: () => one(told.logs?.lostBytes),
  });
}

function addJournal(into: Metrics, told: Told): void {
  into.reading({
    name: "cri_containerd_journal_lost_lines_total",
    help: "Lines of containers' output that journald missed; they are in the log files.",
    type: "counter",
    read: () => one(told.logs?.journalLostLines),
  });
}

function addHeap(into: Metrics, told: Told): void {
  into.reading({
    name: "cri_containerd_compartment_heap_used_bytes",
    help: "JavaScript memory in use, by compartment.",
    type: "gauge",
    labels: ["compartment"],
    read: () =>
      [...told.usage].map(([compartment, usage]) => ({
        labels: { compartment },
        value: usage.heapUsedBytes,
      })),
  });
}

function addCpu(into: Metrics, told: Told): void {
  into.reading({
    name: "cri_containerd_compartment_cpu_seconds_total",
    help: "CPU time of the compartments' own threads.",
    type: "counter",
    labels: ["compartment"],
    read: () =>
      [...told.usage].map(([compartment, { cpuSeconds }]) => ({
        labels: { compartment },
        value: cpuSeconds,
      })),
  });
}

async function ask(deps: NodeMetricsDeps, told: Told): Promise<void> {
  const o = { timeoutMs: ASK_TIMEOUT_MS };
  told.usage.clear();
  const questions = [...deps.usage].map(async ([name, usage]) => {
    told.usage.set(name, await usage(o));
  });
  const counters = async () => void (told.logs = await deps.counters(o));
  const server = usageService();
  const own = async () => void told.usage.set("server", await server.compartmentUsage());
  // One that is being started again leaves a gap, as a process that is away does.
  await Promise.allSettled([...questions, counters(), own()]);
}

function byState<S extends string>(
  states: readonly S[],
  records: Iterable<{ readonly state: { readonly kind: S } }>,
): Reading<"state">[] {
  const counts = new Map<S, number>(states.map((state) => [state, 0]));
  for (const { state } of records) counts.set(state.kind, (counts.get(state.kind) ?? 0) + 1);
  return [...counts].map(([state, value]) => ({ labels: { state: snake(state) }, value }));
}

/** "notReady" is "not_ready", as label values are written. */
function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function one(value: number | undefined): Reading<never>[] {
  return value === undefined ? [] : [{ value }];
}
