import assert from "node:assert/strict";
import { formatTimeout, parseTimeout } from "./timeout.ts";

Deno.test("parseTimeout() knows every unit", () => {
  const parsed = ["2H", "3M", "4S", "5m", "6000u", "7000000n"].map(parseTimeout);
  assert.deepEqual(parsed, [7_200_000, 180_000, 4_000, 5, 6, 7]);
});

Deno.test("parseTimeout() has nothing for what is no timeout", () => {
  for (const text of ["", "5", "m", "-1m", "1.5S", "123456789m", "5d", "5 m"]) {
    assert.equal(parseTimeout(text), undefined, text);
  }
});

Deno.test("formatTimeout() keeps to eight digits, and never says none", () => {
  assert.deepEqual([0.2, 10_000, 99_999_999, 1e8, 1e15].map(formatTimeout), [
    "1m",
    "10000m",
    "99999999m",
    "100000S",
    "99999999S",
  ]);
});
