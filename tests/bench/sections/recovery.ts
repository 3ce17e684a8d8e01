/** How soon a restarted server has its pods again. */
import { atMost, type Row } from "../statistics.ts";
import { withPods } from "./reads.ts";
import { inPairs, rowOf, type Section } from "./section.ts";

const PODS = 100;
const ROUNDS = 5;

export const recovery: Section = {
  meaning: `from exec to the first list of all ${PODS} running pods`,
  measure: async (arena): Promise<Row[]> => {
    let rows: Row[] = [];
    await withPods(arena, { pods: PODS }, async () => {
      const pairs = await inPairs(arena, ROUNDS, async (side) => ({
        ready: await side.restart(PODS),
        rss: await side.rssMib(),
      }));
      const rss = pairs.ours.map(({ rss = NaN }) => rss);
      const goal = atMost(0.5);
      rows = [
        rowOf(pairs, { name: "ready", what: "ready with 100 pods", unit: "ms", goal }),
        { what: "RSS then, ours alone", unit: "MiB", ours: rss, theirs: [], goal: atMost(150) },
      ];
    });
    return rows;
  },
};
