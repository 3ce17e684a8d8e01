import assert from "node:assert/strict";
import { Backoff } from "./backoff.ts";

Deno.test("Backoff.next() doubles from 100 ms to 5 s", () => {
  const backoff = new Backoff();
  const waits = Array.from({ length: 8 }, () => backoff.next(0));
  assert.deepEqual(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
});

Deno.test("Backoff.next() begins anew after half a minute of health", () => {
  const backoff = new Backoff();
  backoff.next(0);
  backoff.next(0);
  assert.equal(backoff.next(30_000), 100);
});
