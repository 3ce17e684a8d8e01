/** Percentiles, and ratios of paired rounds. */
import assert from "node:assert/strict";
import { atLeast, atMost, percentile, summarize } from "./statistics.ts";

Deno.test("percentile() lies between samples when the share does", () => {
  const samples = [4, 1, 3, 2];
  assert.deepEqual([0, 0.5, 1].map((share) => percentile(samples, share)), [1, 2.5, 4]);
  assert.equal(percentile([7], 0.95), 7);
});

Deno.test("summarize() compares round by round, so that a busy machine hits both sides", () => {
  const { ours, theirs, ratio, spread, isMet } = summarize({
    what: "start",
    unit: "ms",
    ours: [10, 100, 12],
    theirs: [20, 250, 20],
    goal: atMost(0.5),
  });
  assert.deepEqual([ours, theirs, ratio, spread, isMet], [12, 20, 0.5, [0.4, 0.6], true]);
});

Deno.test("summarize() holds a number without another side against its goal", () => {
  const row = { what: "RSS", unit: "MiB", ours: [90, 110], theirs: [] } as const;
  assert.equal(summarize({ ...row, goal: atMost(99) }).isMet, false);
  assert.equal(summarize({ ...row, goal: atLeast(99) }).isMet, true);
  assert.equal(summarize(row).isMet, undefined);
});
