/** From exec to the first answer, and what the server weighs. */
import { runClient } from "../client.ts";
import { atMost, type Row } from "../statistics.ts";
import { inPairs, rowOf, type Section } from "./section.ts";

const ROUNDS = 5;

export const startup: Section = {
  meaning: "from exec to the first answered Version without pods, ours on a containerd that runs " +
    "already, the other being containerd itself; memory of the server afterwards, which on the " +
    "other side is the whole containerd",
  measure: async (arena): Promise<Row[]> => {
    for (const { flags } of [arena.ours, arena.theirs]) await runClient("clear", flags);
    const pairs = await inPairs(arena, ROUNDS, async (side) => ({
      start: await side.restart(0),
      rss: await side.rssMib(),
    }));
    const own = pairs.ours.map(({ start = NaN }) => start);
    const rss = pairs.ours.map(({ rss = NaN }) => rss);
    return [
      rowOf(pairs, { name: "start", what: "first answer", unit: "ms" }),
      { what: "first answer, ours alone", unit: "ms", ours: own, theirs: [], goal: atMost(200) },
      rowOf(pairs, { name: "rss", what: "RSS idle", unit: "MiB" }),
      // 100 MiB as one executable, 30 more from source.
      { what: "RSS idle, ours alone", unit: "MiB", ours: rss, theirs: [], goal: atMost(130) },
    ];
  },
};
