/** Calls that only look, by how many pods there are. */
import { runClient } from "../client.ts";
import { atLeast, type Goal, type Row } from "../statistics.ts";
import { type Arena, inPairs, rowOf, type Section } from "./section.ts";

const SIZES: readonly Size[] = [
  { what: "10 pods", pods: 10 },
  { what: "100 pods", pods: 100 },
  { what: "500 containers in 50 pods", pods: 50, containers: 10 },
];
/** The goals are for this one. */
const GOAL_PODS = 100;
const ROUNDS = 5;
const DURATION = "300ms";
const IN_FLIGHT = 16;

/** One after another a list waits for the round trip more than for anything else. */
const METHODS: readonly { method: string; goal?: Goal; inFlight?: true }[] = [
  { method: "Version", goal: atLeast(0.5) },
  { method: "Status", goal: atLeast(0.5) },
  { method: "ListPodSandbox", goal: atLeast(3), inFlight: true },
  { method: "ListPodSandbox by id" },
  { method: "PodSandboxStatus", goal: atLeast(1) },
  { method: "ListContainers", goal: atLeast(3), inFlight: true },
  { method: "ListContainers of pod" },
  { method: "ContainerStatus", goal: atLeast(1) },
  { method: "ListImages" },
  { method: "ImageStatus" },
  { method: "ImageFsInfo" },
];

export const reads: Section = {
  meaning: "calls a second with pods of one container each, and with many containers, one after " +
    `another and ${IN_FLIGHT} in flight; the client leaves the answers unread`,
  measure: async (arena) => {
    const rows: Row[] = [];
    for (const size of SIZES) {
      arena.note(`making ${size.what}`);
      await withPods(arena, size, async () => {
        for (const { method, goal, inFlight = false } of METHODS) {
          for (const parallel of [1, IN_FLIGHT]) {
            arena.note(`${method}, ${parallel} in flight, ${size.what}`);
            const isGoal = size.pods === GOAL_PODS && inFlight === parallel > 1;
            const wanted = isGoal ? goal : undefined;
            rows.push(await rowFor(arena, { size, method, parallel, goal: wanted }));
          }
        }
      });
    }
    return rows;
  },
};

/** What there is while calls are counted. */
export interface Size {
  readonly what: string;
  readonly pods: number;
  /** Of each pod; one if left out. */
  readonly containers?: number;
}

/** Does the work while both sides have so many pods. */
export async function withPods(
  { ours, theirs }: Arena,
  { pods, containers = 1 }: Pick<Size, "pods" | "containers">,
  work: () => Promise<void>,
): Promise<void> {
  const sides = [ours, theirs];
  for (const { flags } of sides) {
    await runClient("make", { ...flags, count: pods, containers, parallel: 10 });
  }
  await work();
  for (const { flags } of sides) await runClient("clear", { ...flags, parallel: 10 });
}

interface Read {
  readonly size: Size;
  readonly method: string;
  readonly parallel: number;
  readonly goal: Goal | undefined;
}

async function rowFor(arena: Arena, { size, method, parallel, goal }: Read): Promise<Row> {
  const quiet = { ...arena, note: () => {} };
  const pairs = await inPairs(quiet, ROUNDS, async ({ flags }) => {
    const { values } = await runClient("calls", { ...flags, method, parallel, duration: DURATION });
    return values;
  });
  return rowOf(pairs, {
    name: "perSecond",
    what: `${method}, ${size.what}${parallel > 1 ? `, ${parallel} in flight` : ""}`,
    unit: "/s",
    ...goal === undefined ? {} : { goal },
  });
}
