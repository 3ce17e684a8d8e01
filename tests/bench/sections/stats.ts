/** Statistics of all pods and containers, which an eviction manager asks for. */
import { runClient } from "../client.ts";
import { atLeast, type Row } from "../statistics.ts";
import { withPods } from "./reads.ts";
import { inPairs, rowOf, type Section } from "./section.ts";

const PODS = 100;
const ROUNDS = 3;
const DURATION = "2s";

/** One after another only: several at a time bring containerd 1.6 down (a race of its own). */
const METHODS = [
  { method: "ListContainerStats", goal: atLeast(20) },
  { method: "ListPodSandboxStats", goal: atLeast(10) },
];

export const stats: Section = {
  meaning:
    `lists of statistics a second with ${PODS} pods of one container each, one after another`,
  measure: async (arena) => {
    const rows: Row[] = [];
    arena.note(`making ${PODS} pods`);
    await withPods(arena, { pods: PODS }, async () => {
      for (const { method, goal } of METHODS) {
        const pairs = await inPairs(arena, ROUNDS, async ({ flags }) => {
          const { values } = await runClient("calls", { ...flags, method, duration: DURATION });
          return values;
        });
        rows.push(rowOf(pairs, { name: "perSecond", what: method, unit: "/s", goal }));
      }
    });
    return rows;
  },
};
