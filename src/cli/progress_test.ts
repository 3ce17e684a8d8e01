import assert from "node:assert/strict";
import type { LayerStatus, PullProgress } from "../images/progress.ts";
import { fileLine, progressLines, Rate } from "./progress.ts";

function pull(...layers: [LayerStatus, number][]): PullProgress {
  return {
    reference: "docker.io/library/web:1",
    status: "fetching",
    layers: layers.map(([status, fetchedBytes], index) => ({
      digest: `sha256:${String(index).repeat(64)}`,
      sizeBytes: 1_000_000,
      fetchedBytes,
      status,
    })),
  };
}

Deno.test("progressLines() shows the sum, the rate and a bar for each layer", () => {
  const progress = pull(["fetching", 250_000], ["unpacked", 1_000_000]);
  assert.deepEqual(progressLines(progress, { rate: 5e6, columns: 100, rows: 24 }), [
    "docker.io/library/web:1: fetching  1.25 MB of 2.00 MB  5.00 MB/s",
    "  000000000000 ██████░░░░░░░░░░░░░░░░░░  1.00 MB fetching",
    "  111111111111 ████████████████████████  1.00 MB unpacked",
  ]);
});

Deno.test("progressLines() fits a small screen and shows there what is at work", () => {
  const progress = pull(["unpacked", 1e6], ["unpacked", 1e6], ["fetching", 0], ["waiting", 0]);
  const lines = progressLines(progress, { rate: 0, columns: 20, rows: 4 });
  assert.equal(lines.length, 2);
  assert.ok(lines.every((line) => line.length < 20));
  assert.ok(lines[1]?.includes("222222"));
});

Deno.test("Rate tells the rate of the last seconds", () => {
  const rate = new Rate();
  assert.equal(rate.add(0, 0), 0);
  assert.equal(rate.add(1_000, 1_000), 1_000);
  for (let second = 2; second <= 10; second++) rate.add(second * 1_000, 1_000);
  assert.equal(rate.add(11_000, 1_000), 0);
});

Deno.test("fileLine() shows a bar where the size is known, and bytes and rate anyway", () => {
  assert.equal(
    fileLine("a.tar", { bytes: 5_000_000, totalBytes: 10_000_000, rate: 2_000_000 }),
    "a.tar ████████████░░░░░░░░░░░░ 5.00 MB of 10.0 MB  2.00 MB/s",
  );
  const unknown = { bytes: 5_000_000, totalBytes: undefined, rate: 0 };
  assert.equal(fileLine("-", unknown), "-  5.00 MB");
});
