/** A short soak with a fixed seed; `./dev chaos` is the long one. */
import assert from "node:assert/strict";
import { soak } from "./soak.ts";

const SECONDS = 60;

Deno.test(`${SECONDS} seconds of pods under kills of all programs leave nothing`, async () => {
  const lines: string[] = [];
  const { pods, disturbances } = await soak({
    seconds: SECONDS,
    seed: 7,
    report: (line) => lines.push(line),
  });
  assert.ok(pods > disturbances && disturbances > 5, `${pods} pods; ${lines.join(", ")}`);
});
