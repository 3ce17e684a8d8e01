import assert from "node:assert/strict";
import { regressions } from "./compare.ts";
import type { Chapters } from "./document.ts";
import type { Row } from "./statistics.ts";

const chapters = (...rows: Row[]): Chapters => ({ pods: { meaning: "m", machine: [], rows } });
const row = (unit: Row["unit"], ours: number[], theirs = ours.map(() => 100)): Row => ({
  what: "start",
  unit,
  ours,
  theirs,
});

Deno.test("regressions() names a time that is worse in its best round than it was in its worst", () => {
  const before = chapters(row("ms", [70, 80]));
  assert.deepEqual(regressions(before, chapters(row("ms", [82, 90]))), [
    "pods: start was 0.75 and is 0.86 of the other side's",
  ]);
  assert.deepEqual(regressions(before, chapters(row("ms", [79, 200]))), []);
});

Deno.test("regressions() wants rates to be high", () => {
  const before = chapters(row("/s", [200, 300]));
  assert.deepEqual(regressions(before, chapters(row("/s", [150, 190]))), [
    "pods: start was 2.50 and is 1.70 of the other side's",
  ]);
  assert.deepEqual(regressions(before, chapters(row("/s", [150, 210]))), []);
});

Deno.test("regressions() compares what nobody else has with what it was", () => {
  const before = chapters(row("MiB", [100, 110], []));
  assert.deepEqual(regressions(before, chapters(row("MiB", [120, 130], []))), [
    "pods: start was 105.00 and is 125.00 MiB",
  ]);
});

Deno.test("regressions() passes over what wasn't measured before", () => {
  assert.deepEqual(regressions({}, chapters(row("ms", [81, 90]))), []);
});
