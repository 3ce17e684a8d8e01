import assert from "node:assert/strict";
import type { LayerStatus, PullProgress } from "./progress.ts";
import { progressText } from "./progress_log.ts";

const MIB = 1024 ** 2;

function pulling(...layers: [fetched: number, size: number, status: LayerStatus][]): PullProgress {
  return {
    reference: "docker.io/library/x:1",
    status: "fetching",
    layers: layers.map(([fetched, size, status], index) => ({
      digest: `sha256:${index}`,
      sizeBytes: size * MIB,
      fetchedBytes: fetched * MIB,
      status,
    })),
  };
}

Deno.test("progressText() tells bytes, rate and layers", () => {
  const state = pulling([10, 10, "unpacked"], [5, 30, "fetching"]);
  assert.equal(
    progressText(state, { fetchedBefore: 5 * MIB, seconds: 10 }),
    "15.0 of 40.0 MiB fetched, 1.0 MiB/s, 1 of 2 layers unpacked",
  );
});

Deno.test("progressText() says when nothing comes, and no rate when all is there", () => {
  const stuck = pulling([5, 30, "fetching"]);
  const before = { fetchedBefore: 5 * MIB, seconds: 10 };
  assert.match(progressText(stuck, before), /fetched, nothing for 10 s, 0 of 1/);
  const unpacking = pulling([30, 30, "unpacking"]);
  assert.equal(
    progressText(unpacking, { fetchedBefore: 30 * MIB, seconds: 10 }),
    "30.0 of 30.0 MiB fetched, 0 of 1 layers unpacked",
  );
});

Deno.test("progressText() of a pull that has no manifest yet is its status", () => {
  assert.equal(progressText(pulling(), { fetchedBefore: 0, seconds: 10 }), "fetching");
});
