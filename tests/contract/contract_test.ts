/** proto/ is what Kubernetes and containerd publish: no name, number or type is a guess. */
import assert from "node:assert/strict";
import { skipUnless } from "../world/skip.ts";
import { type Contract, readContract, statedAlone } from "./contract.ts";
import { ownDescriptors, publishedDescriptors } from "./sources.ts";

const CRI = ["runtime.v1"];
const CONTAINERD = ["containerd", "runtimeoptions", "google.rpc"];

const [own, published] = await Promise.all([ownDescriptors(), publishedDescriptors()]);
const missing = [own, published].find((side) => "because" in side);
const whereBothAre = missing !== undefined && "because" in missing
  ? skipUnless(false, missing.because)
  : skipUnless(true, "");

function contracts(packages: readonly string[]): [own: Contract, published: Contract] {
  if ("because" in own || "because" in published) throw new Error("the test should be skipped");
  return [readContract(own, packages), readContract(published, packages)];
}

Deno.test({
  ...whereBothAre("the CRI is the published one, RPC for RPC and field for field"),
  fn: () => {
    const [own, published] = contracts(CRI);
    assert.ok(published.size > 150, `${published.size} messages, enums and services`);
    assert.deepEqual(statedAlone(own, published), [], "stated here alone");
    assert.deepEqual(statedAlone(published, own), [], "published and missing here");
  },
});

Deno.test({
  ...whereBothAre("every message and RPC of containerd that is used is the published one"),
  fn: () => {
    const [own, published] = contracts(CONTAINERD);
    assert.ok(own.has("service containerd.services.tasks.v1.Tasks"));
    assert.deepEqual(statedAlone(own, published), []);
  },
});

Deno.test("statedAlone() finds another number, a missing message and a missing field", () => {
  const facts = (...entries: [string, string[]][]) =>
    new Map(entries.map(([name, facts]) => [name, new Set(facts)]));
  const own = facts(["message A", ["field 1 x", "field 2 y"]], ["message B", []]);
  const published = facts(["message A", ["field 1 x", "field 3 y", "field 4 z"]]);
  assert.deepEqual(statedAlone(own, published), ["message A: field 2 y", "message B"]);
  assert.deepEqual(statedAlone(published, own), ["message A: field 3 y", "message A: field 4 z"]);
});
