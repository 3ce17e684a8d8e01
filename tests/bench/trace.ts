/**
 * One pod's start and stop as a timeline for chrome://tracing or Perfetto: our calls and their
 * stages, containerd, network plugins and runc. It is read from the daemon's own debug log; runc
 * runs under a script that notes when, which takes some milliseconds itself.
 */
import { print } from "../../src/cli/output.ts";
import { runClient } from "./client.ts";
import { type Node, startOurs } from "./sides.ts";

/** What happened from when to when, in milliseconds since the epoch. */
export interface Span {
  readonly track: Track;
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
}

const TRACKS = ["CRI calls", "stages", "containerd", "network plugins", "runc"] as const;
type Track = typeof TRACKS[number];

const CALLS = [
  "RunPodSandbox",
  "CreateContainer",
  "StartContainer",
  "StopContainer",
  "StopPodSandbox",
  "RemoveContainer",
  "RemovePodSandbox",
];

/** Runs a pod up and down and writes its timeline. */
export async function writeTrace(node: Node, file: string): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "cri-bench-trace-" });
  const runcLog = `${dir}/runc.log`;
  try {
    await Deno.writeTextFile(`${dir}/runc`, runcScript(node.runc, runcLog), { mode: 0o755 });
    const log = await logOfOnePod(node, `${dir}/runc`);
    const spans = [...readDaemonLog(log), ...readRuncLog(await Deno.readTextFile(runcLog))];
    const window = callsOfPod(spans);
    const seen = spans.filter(({ startMs, endMs }) =>
      endMs > window.startMs && startMs < window.endMs
    );
    await Deno.writeTextFile(file, JSON.stringify({ traceEvents: toEvents(seen) }));
    print(`${summary(seen)}\n${file}: open it in chrome://tracing or Perfetto\n`);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function runcScript(runc: string, log: string): string {
  return `#!/bin/sh
began=$(date +%s%N)
${runc} "$@"
code=$?
echo "$began $(date +%s%N) $*" >>${log}
exit $code
`;
}

/** The first pod warms up, the second one is looked at. */
async function logOfOnePod(node: Node, runc: string): Promise<string> {
  const runcOptions = `BinaryName = ${JSON.stringify(runc)}`;
  await using ours = await startOurs(node, { logLevel: "debug", runcOptions });
  await runClient("pods", { ...ours.flags, count: 2 });
  const log = await ours.daemon.log();
  const warmUp = log.indexOf(" RemovePodSandbox took ");
  return log.slice(log.indexOf("\n", warmUp) + 1);
}

const LINE = /^(\S+) DEBUG (.*?) took ([\d.]+) ms(?: to (.*?))?(?: containerId=\S*)?$/;

/** Spans out of the debug log, whose lines are written at their end. */
export function readDaemonLog(log: string): Span[] {
  return log.split("\n").flatMap((line): Span[] => {
    const [, time = "", what = "", ms = "", rest] = LINE.exec(line) ?? [];
    if (what === "") return [];
    const endMs = Date.parse(time);
    const span = { startMs: endMs - Number(ms), endMs };
    if (what === "containerd") return [{ ...span, track: "containerd", name: rest ?? "" }];
    if (what.startsWith("Plugin ")) return [{ ...span, track: "network plugins", name: what }];
    return [{ ...span, track: rest === undefined ? "CRI calls" : "stages", name: what }];
  });
}

/** "BEGAN ENDED --root … create …", in nanoseconds. */
export function readRuncLog(log: string): Span[] {
  return log.split("\n").flatMap((line) => {
    const [, began, ended, args = ""] = /^(\d+) (\d+) (.*)$/.exec(line) ?? [];
    if (began === undefined) return [];
    const verb = args.split(" ").find((word) => /^(create|start|kill|delete|state)$/.test(word));
    const span = { startMs: Number(began) / 1e6, endMs: Number(ended) / 1e6 };
    return [{ ...span, track: "runc", name: `runc ${verb ?? args}` }];
  });
}

/** From the first call for the pod to the end of the last. */
function callsOfPod(spans: readonly Span[]): { startMs: number; endMs: number } {
  const calls = spans.filter(({ track, name }) => track === "CRI calls" && CALLS.includes(name));
  if (calls.length < CALLS.length) throw new Error("the log doesn't hold all calls for the pod");
  return {
    startMs: Math.min(...calls.map(({ startMs }) => startMs)),
    endMs: Math.max(...calls.map(({ endMs }) => endMs)),
  };
}

/** A line a span, a lane for those that overlap: in one lane they would have to be nested. */
function toEvents(spans: readonly Span[]): object[] {
  const first = Math.min(...spans.map(({ startMs }) => startMs));
  const events: object[] = [];
  let lane = 0;
  for (const track of TRACKS) {
    const ends: number[] = [];
    const own = spans.filter((span) => span.track === track);
    for (const { name, startMs, endMs } of own.toSorted((a, b) => a.startMs - b.startMs)) {
      const free = ends.findIndex((end) => end <= startMs);
      const row = free < 0 ? ends.length : free;
      ends[row] = endMs;
      const times = { ts: (startMs - first) * 1_000, dur: (endMs - startMs) * 1_000 };
      events.push({ ph: "X", pid: 1, tid: lane + row, cat: track, name, ...times });
    }
    for (const row of ends.keys()) {
      const args = { name: row === 0 ? track : `${track} ${row + 1}` };
      events.push({ ph: "M", pid: 1, tid: lane + row, name: "thread_name", args });
    }
    lane += ends.length;
  }
  return events;
}

/** Each call, and within it how long something of each kind was under way. */
function summary(spans: readonly Span[]): string {
  const lines = spans.filter(({ track, name }) => track === "CRI calls" && CALLS.includes(name))
    .toSorted((a, b) => a.startMs - b.startMs)
    .map((call) => {
      const shares = TRACKS.slice(2).map((track) => {
        const ms = covered(spans.filter((span) => span.track === track), call);
        return `${track} ${ms.toFixed(0)} ms`;
      });
      const total = call.endMs - call.startMs;
      return `${call.name.padEnd(17)} ${total.toFixed(0).padStart(5)} ms: ${shares.join(", ")}`;
    });
  return lines.join("\n");
}

/** How much of the call's time lies in one or more of the spans. */
export function covered(
  spans: readonly Span[],
  { startMs, endMs }: Pick<Span, "startMs" | "endMs">,
): number {
  let total = 0;
  let until = startMs;
  for (const span of spans.toSorted((a, b) => a.startMs - b.startMs)) {
    const from = Math.max(span.startMs, until);
    const to = Math.min(span.endMs, endMs);
    if (to > from) total += to - from;
    until = Math.max(until, to);
  }
  return total;
}
