/** What a kubelet costs whose pods just run. */
import { runClient } from "../client.ts";
import { atMost } from "../statistics.ts";
import { inPairs, rowOf, type Section } from "./section.ts";
import { withPods } from "./reads.ts";

const PODS = 100;
const SECONDS = 20;
const ROUNDS = 2;

export const steady: Section = {
  meaning:
    `CPU of the server and its containerd under a kubelet's calls for ${PODS} pods that just ` +
    "run: both lists every second, Status every five, images every ten, each pod and container " +
    "once a minute",
  measure: async (arena) => {
    const { containerd } = arena.node;
    let rows: Awaited<ReturnType<Section["measure"]>> = [];
    await withPods(arena, { pods: PODS }, async () => {
      const pairs = await inPairs(arena, ROUNDS, async (side) => {
        const before = await side.cpuMs();
        await runClient("steady", { ...side.flags, duration: `${SECONDS}s` });
        const after = await side.cpuMs();
        return { cpu: (after - before) / (SECONDS * 10), rss: await side.rssMib() };
      });
      // The newer built-in CRI uses far more, and there is more to gain.
      const goal = atMost(containerd.includes("2.3") ? 0.5 : 1.5);
      rows = [
        rowOf(pairs, { name: "cpu", what: "CPU of one core", unit: "%", goal }),
        { ...rowOf(pairs, { name: "rss", what: "RSS with 100 pods", unit: "MiB" }) },
      ];
    });
    return rows;
  },
};
