import assert from "node:assert/strict";
import { parseNumber, parsePressure, pick } from "./cgroup_files.ts";

Deno.test("pick() takes whole keys at the beginning of lines only", () => {
  const text = "total_rss 1\nrss_huge 2\nrss 3\nlast 18446744073709551615";
  assert.deepEqual(pick(text, ["rss", "last", "none", "huge"]), {
    rss: 3n,
    last: 18_446_744_073_709_551_615n,
  });
  assert.deepEqual(pick("rss 1\n", ["rss"]), { rss: 1n });
  assert.deepEqual(pick(undefined, ["rss"]), {});
});

Deno.test("parseNumber() takes no limit and no file for no number", () => {
  assert.equal(parseNumber("12\n"), 12n);
  assert.deepEqual([parseNumber("max\n"), parseNumber(""), parseNumber(undefined)], [
    undefined,
    undefined,
    undefined,
  ]);
});

Deno.test("parsePressure() takes the files of old kernels, which have no full line of the CPU", () => {
  const pressure = parsePressure("some avg10=0.00 avg60=0.00 avg300=0.00 total=9\n");
  assert.equal(pressure?.some.totalUs, 9n);
  assert.equal(pressure?.full.totalUs, 0n);
  assert.equal(parsePressure(""), undefined);
});
