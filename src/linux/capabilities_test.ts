import assert from "node:assert/strict";
import { CAPABILITIES, capabilitiesOf } from "./capabilities.ts";

Deno.test("capabilitiesOf() reads the effective set", () => {
  const status =
    "CapPrm:\t000001ffffffffff\nCapEff:\t0000000001200001\nCapBnd:\t000001ffffffffff\n";
  assert.deepEqual([...capabilitiesOf(status)], ["CAP_CHOWN", "CAP_SYS_ADMIN", "CAP_SYS_RESOURCE"]);
});

Deno.test("capabilitiesOf() knows all 41, and none in a file that says nothing", () => {
  assert.equal(capabilitiesOf("CapEff:\t000001ffffffffff\n").size, CAPABILITIES.length);
  assert.equal(capabilitiesOf("").size, 0);
});
