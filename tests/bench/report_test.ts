/** Tables of the benchmark. */
import assert from "node:assert/strict";
import { formatRows, formatValue, markdownRows } from "./report.ts";
import { atLeast, atMost, type Row } from "./statistics.ts";

const ROWS: Row[] = [
  { what: "start p50", unit: "ms", ours: [60, 70], theirs: [100, 100], goal: atMost(0.75) },
  { what: "lists", unit: "/s", ours: [2_000], theirs: [1_000], goal: atLeast(3) },
  { what: "RSS", unit: "MiB", ours: [99.5], theirs: [], goal: atMost(100) },
];

Deno.test("formatRows() aligns numbers and says whether a goal is met", () => {
  assert.deepEqual(formatRows(ROWS).split("\n"), [
    "                  ours   built-in   ratio      rounds   goal",
    "  start p50    65.0 ms     100 ms    0.65   0.60–0.70   ≤ 0.75 yes",
    "  lists         2000/s     1000/s    2.00   2.00–2.00   ≥ 3 NO",
    "  RSS         99.5 MiB                                  ≤ 100 MiB yes",
    "",
  ]);
});

Deno.test("markdownRows() has a line a row under the heads", () => {
  const [, , first] = markdownRows(ROWS).split("\n");
  assert.equal(first, "| start p50 | 65.0 ms | 100 ms | 0.65 | 0.60–0.70 | ≤ 0.75 yes |");
});

Deno.test("formatValue() shows three digits, and a dash for what can't be known", () => {
  assert.deepEqual([1.234, 12.34, 1234.5, NaN].map((value) => formatValue(value, "ms")), [
    "1.23 ms",
    "12.3 ms",
    "1235 ms",
    "-",
  ]);
});
