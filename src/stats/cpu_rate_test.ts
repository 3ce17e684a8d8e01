import assert from "node:assert/strict";
import { CpuRate } from "./cpu_rate.ts";

const S = 1_000_000_000n;

Deno.test("CpuRate of something just started counts from its start", () => {
  const rate = new CpuRate(100n * S);
  assert.equal(rate.update({ atNs: 104n * S, usageNs: 2n * S }), 500_000_000n);
});

Deno.test("CpuRate of something that has run for long is known from the second reading on", () => {
  const rate = new CpuRate(0n);
  assert.equal(rate.update({ atNs: 9000n * S, usageNs: 5000n * S }), undefined);
  assert.equal(rate.update({ atNs: 9010n * S, usageNs: 5020n * S }), 2n * S);
});

Deno.test("CpuRate keeps its rate while the window is too short to tell another", () => {
  const rate = new CpuRate(0n);
  rate.update({ atNs: 2n * S, usageNs: 1n * S });
  assert.equal(rate.update({ atNs: 2n * S + 1n, usageNs: 2n * S }), 500_000_000n);
  assert.equal(rate.update({ atNs: 4n * S, usageNs: 3n * S }), S);
});

Deno.test("CpuRate of something idle is zero, also after long", () => {
  const rate = new CpuRate(0n);
  rate.update({ atNs: 10n * S, usageNs: 0n });
  assert.equal(rate.update({ atNs: 90n * S, usageNs: 0n }), 0n);
});

Deno.test("CpuRate begins anew when the counter went back, and is never negative", () => {
  const rate = new CpuRate(0n);
  rate.update({ atNs: 10n * S, usageNs: 10n * S });
  assert.equal(rate.update({ atNs: 20n * S, usageNs: 1n * S }), S);
  assert.equal(rate.update({ atNs: 30n * S, usageNs: 2n * S }), 100_000_000n);
});
