/** Many pods at once, up together and down together. */
import { runClient } from "../client.ts";
import { atLeast, type Row } from "../statistics.ts";
import { inPairs, type Pairs, rowOf, type Section } from "./section.ts";

const SIZES = [{ pods: 10, rounds: 7 }, { pods: 50, rounds: 3 }];

export const burst: Section = {
  meaning:
    "pods with a container each, all asked for at once, then all stopped and removed at once",
  measure: async (arena) => {
    const rows: Row[] = [];
    for (const { pods, rounds } of SIZES) {
      arena.note(`${pods} at once`);
      const pairs = await inPairs(arena, rounds, async (side) => {
        const { values } = await runClient("pods", { ...side.flags, count: pods, parallel: pods });
        return values;
      });
      rows.push(...rowsOf(pairs, pods));
    }
    return rows;
  },
};

function rowsOf(pairs: Pairs, pods: number): Row[] {
  const goal = atLeast(1.1);
  return [
    rowOf(pairs, { name: "upPerSecond", what: `${pods} up`, unit: "/s", goal }),
    rowOf(pairs, { name: "downPerSecond", what: `${pods} down`, unit: "/s", goal }),
  ];
}
