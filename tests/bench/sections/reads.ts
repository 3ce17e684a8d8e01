/** Calls that only look, by how many pods there are. */
import { runClient } from "../client.ts";
import { atLeast, type Goal, type Row } from "../statistics.ts";
import { type Arena, inPairs, rowOf, type Section } from "./section.ts";

const SIZES = [10, 100];
const ROUNDS = 5;
const DURATION = "300ms";
const IN_FLIGHT = 16;

/** The goals are for 100 containers. */
const METHODS: readonly { method: string; goal?: Goal }[] = [
  { method: "Version", goal: atLeast(0.5) },
  { method: "Status", goal: atLeast(0.5) },
  { method: "ListPodSandbox", goal: atLeast(3) },
  { method: "ListPodSandbox by id" },
  { method: "PodSandboxStatus", goal: atLeast(1) },
  { method: "ListContainers", goal: atLeast(3) },
  { method: "ListContainers of pod" },
  { method: "ContainerStatus", goal: atLeast(1) },
  { method: "ListImages" },
  { method: "ImageStatus" },
  { method: "ImageFsInfo" },
];

export const reads: Section = {
  meaning: `calls a second with 10 and 100 pods of one container each, one after another and ` +
    `${IN_FLIGHT} in flight`,
  measure: async (arena) => {
    const rows: Row[] = [];
    for (const pods of SIZES) {
      arena.note(`making ${pods} pods`);
      await withPods(arena, pods, async () => {
        for (const { method, goal } of METHODS) {
          for (const parallel of [1, IN_FLIGHT]) {
            arena.note(`${method}, ${parallel} in flight, ${pods} pods`);
            rows.push(await rowFor(arena, { pods, method, parallel, goal }));
          }
        }
      });
    }
    return rows;
  },
};

/** Does the work while both sides have so many pods. */
export async function withPods(
  { ours, theirs }: Arena,
  pods: number,
  work: () => Promise<void>,
): Promise<void> {
  const sides = [ours, theirs];
  for (const { flags } of sides) await runClient("make", { ...flags, count: pods, parallel: 10 });
  await work();
  for (const { flags } of sides) await runClient("clear", { ...flags, parallel: 10 });
}

interface Read {
  readonly pods: number;
  readonly method: string;
  readonly parallel: number;
  readonly goal: Goal | undefined;
}

async function rowFor(arena: Arena, { pods, method, parallel, goal }: Read): Promise<Row> {
  const quiet = { ...arena, note: () => {} };
  const pairs = await inPairs(quiet, ROUNDS, async ({ flags }) => {
    const { values } = await runClient("calls", { ...flags, method, parallel, duration: DURATION });
    return values;
  });
  const isGoal = goal !== undefined && pods === 100 && parallel === 1;
  return rowOf(pairs, {
    name: "perSecond",
    what: `${method}, ${pods} pods${parallel > 1 ? `, ${parallel} in flight` : ""}`,
    unit: "/s",
    ...isGoal ? { goal } : {},
  });
}
