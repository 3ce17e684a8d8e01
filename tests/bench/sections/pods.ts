/** Pods one after another: up and down, call by call. */
import { runClient } from "../client.ts";
import type { Side } from "../sides.ts";
import { atMost, median, percentile, type Row } from "../statistics.ts";
import { inPairs, type Round, rowOf, type Section } from "./section.ts";

const PODS = 10;
const ROUNDS = 7;

const CALLS = [
  "RunPodSandbox",
  "CreateContainer",
  "StartContainer",
  "StopContainer",
  "StopPodSandbox",
  "RemoveContainer",
  "RemovePodSandbox",
];

export const pods: Section = {
  meaning: `${PODS} pods with a container each, one after another; start is RunPodSandbox, ` +
    "CreateContainer and StartContainer, stop is the four calls that undo them (grace 0); CPU is " +
    "that of the server and its containerd",
  measure: async (arena): Promise<Row[]> => {
    arena.note("warming up");
    for (const side of [arena.ours, arena.theirs]) await upAndDown(side);
    const pairs = await inPairs(arena, ROUNDS, upAndDown);
    const row = (what: string, goal?: Row["goal"]) =>
      rowOf(pairs, { name: what, what, unit: "ms", ...goal === undefined ? {} : { goal } });
    return [
      row("start p50", atMost(0.75)),
      row("start p95"),
      row("stop p50", atMost(0.6)),
      row("stop p95"),
      ...CALLS.map((call) => row(`${call} p50`)),
      row("CPU a pod", atMost(1)),
    ];
  },
};

async function upAndDown(side: Side): Promise<Round> {
  const before = await side.cpuMs();
  const { samples } = await runClient("pods", { ...side.flags, count: PODS });
  const after = await side.cpuMs();
  const of = (name: string) => samples[name] ?? [];
  return {
    ...Object.fromEntries(["start", "stop", ...CALLS].map((name) => [
      `${name} p50`,
      median(of(name)),
    ])),
    "start p95": percentile(of("start"), 0.95),
    "stop p95": percentile(of("stop"), 0.95),
    "CPU a pod": (after - before) / PODS,
  };
}
