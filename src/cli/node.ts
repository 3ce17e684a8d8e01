/** `cri-containerd pods|ps|stats|events`: what a running daemon knows, without crictl. */
import { configureLogging } from "../base/logging.ts";
import { loadConfig } from "../config/load.ts";
import {
  type ContainerView,
  type EventView,
  NodeView,
  type PodView,
  type StatsView,
} from "../cri/node_view.ts";
import { type Colour, isColourful, painted } from "./colours.ts";
import { formatBytes, formatTable, print, printJson } from "./output.ts";
import { formatAge, formatTime } from "./time.ts";

/** Flags that all of the commands have. */
export interface NodeFlags {
  config?: string;
  json?: boolean;
}

/** Between two pictures of `stats --follow`. */
const FOLLOW_MS = 2_000;

export async function listPods(flags: NodeFlags): Promise<number> {
  return await withNode(flags, async (node) => {
    const pods = newestFirst(await node.pods());
    if (flags.json === true) printJson(pods);
    else print(podTable(pods, Date.now(), isColourful()));
    return 0;
  });
}

export function podTable(pods: readonly PodView[], nowMs: number, isColourful = false): string {
  const rows = pods.map((pod) => [
    `${pod.namespace}/${pod.name}`,
    pod.state,
    pod.ips[0] ?? "",
    formatAge(pod.createdAtNs, nowMs),
    String(pod.attempt),
    pod.id.slice(0, 13),
  ]);
  const table = formatTable(["POD", "STATE", "IP", "AGE", "ATTEMPT", "ID"], rows);
  const colours = pods.map(({ state }): Colour => state === "ready" ? "green" : "red");
  return isColourful ? painted(table, colours) : table;
}

/** Containers that run; all of them with `all`. */
export async function listContainers(flags: NodeFlags & { all?: boolean }): Promise<number> {
  return await withNode(flags, async (node) => {
    const all = newestFirst(await node.containers());
    const shown = flags.all === true ? all : all.filter(({ state }) => state === "running");
    if (flags.json === true) printJson(shown);
    else print(containerTable(shown, Date.now(), isColourful()));
    return 0;
  });
}

const STATE_COLOURS: Readonly<Record<ContainerView["state"], Colour>> = {
  created: "yellow",
  running: "green",
  exited: "dim",
  unknown: "red",
};

export function containerTable(
  containers: readonly ContainerView[],
  nowMs: number,
  isColourful = false,
): string {
  const rows = containers.map((one) => [
    one.name,
    one.pod,
    one.state,
    formatAge(one.createdAtNs, nowMs),
    String(one.attempt),
    one.image,
    one.id.slice(0, 13),
  ]);
  const head = ["CONTAINER", "POD", "STATE", "AGE", "ATTEMPT", "IMAGE", "ID"];
  const table = formatTable(head, rows);
  return isColourful ? painted(table, containers.map(({ state }) => STATE_COLOURS[state])) : table;
}

/** What the running containers use; again and again with `follow`. */
export async function showStats(flags: NodeFlags & { follow?: boolean }): Promise<number> {
  return await withNode(flags, async (node, signal) => {
    do {
      const stats = await node.stats();
      const clear = flags.follow === true && isColourful() ? "\x1b[H\x1b[2J" : "";
      if (flags.json === true) printJson(stats);
      else print(`${clear}${statsTable(stats)}`);
      if (flags.follow === true) await pause(FOLLOW_MS, signal);
    } while (flags.follow === true && !signal.aborted);
    return 0;
  });
}

/** The busiest first. */
export function statsTable(stats: readonly StatsView[]): string {
  const busiest = stats.toSorted((a, b) => Number((b.nanoCores ?? 0n) - (a.nanoCores ?? 0n)));
  const rows = busiest.map((one) => [
    one.name,
    one.pod,
    one.nanoCores === undefined ? "" : `${(Number(one.nanoCores) / 1e7).toFixed(1)} %`,
    formatBytes(Number(one.workingSetBytes)),
    one.availableBytes === undefined
      ? ""
      : formatBytes(Number(one.workingSetBytes + one.availableBytes)),
    one.layerBytes === undefined ? "" : formatBytes(Number(one.layerBytes)),
    one.id.slice(0, 13),
  ]);
  return formatTable(["CONTAINER", "POD", "CPU", "MEMORY", "LIMIT", "FILES", "ID"], rows);
}

/** What happens, as it happens, until it is interrupted. */
export async function followEvents(flags: NodeFlags): Promise<number> {
  return await withNode(flags, async (node, signal) => {
    for await (const event of node.events(signal)) {
      print(flags.json === true ? `${eventJson(event)}\n` : `${eventLine(event)}\n`);
    }
    return 0;
  });
}

export function eventLine({ atNs, type, pod, container, id }: EventView): string {
  const what = container === "" ? `pod ${pod}` : `${container} in ${pod}`;
  return `${formatTime(atNs)}  ${type.padEnd(7)}  ${what}  ${id.slice(0, 13)}`;
}

/** One object a line, for programs that read a stream. */
function eventJson(event: EventView): string {
  return JSON.stringify({ ...event, atNs: String(event.atNs) });
}

function newestFirst<T extends { readonly createdAtNs: bigint }>(all: readonly T[]): T[] {
  return all.toSorted((a, b) => Number(b.createdAtNs - a.createdAtNs));
}

/** Asks the daemon that the configuration names; SIGINT and SIGTERM end what follows. */
export async function withNode(
  flags: Pick<NodeFlags, "config">,
  work: (node: NodeView, signal: AbortSignal) => Promise<number>,
): Promise<number> {
  const { config } = loadConfig(flags.config === undefined ? {} : { path: flags.config });
  configureLogging({ level: "warn", format: "text" });
  using node = new NodeView(config.listen);
  const abort = new AbortController();
  const onSignal = () => abort.abort();
  Deno.addSignalListener("SIGINT", onSignal);
  Deno.addSignalListener("SIGTERM", onSignal);
  try {
    return await work(node, abort.signal);
  } finally {
    Deno.removeSignalListener("SIGINT", onSignal);
    Deno.removeSignalListener("SIGTERM", onSignal);
  }
}

/** Ends early when the signal is aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
    function done() {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}
