/** A short run of the fuzzer, with the same inputs every time; `./dev fuzz` is the long one. */
import assert from "node:assert/strict";
import { TARGETS } from "./main.ts";
import { tryTarget } from "./target.ts";

const CASES = 16_000;
const SEED = 20_240_731;

for (const target of TARGETS) {
  Deno.test(`${target.name}: ${CASES} damaged inputs are taken or refused, and nothing else`, async () => {
    const { failure } = await tryTarget(target, { cases: CASES, seed: SEED });
    assert.equal(failure, undefined);
  });
}
