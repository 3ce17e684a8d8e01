import assert from "node:assert/strict";
import { problemOf, targetOf } from "./target.ts";

const attachment = {
  containerId: "abc",
  netnsPath: "/ns",
  ifName: "eth0",
  args: new Map<string, string>(),
  portMappings: [],
};

Deno.test("targetOf() leaves out the capabilities that have nothing in them", () => {
  const more = { aliases: [], cgroupPath: "", mac: "02:00:00:00:00:01" };
  const { capabilityArgs } = targetOf({ ...attachment, ...more }, 0);
  assert.deepEqual(capabilityArgs, { mac: "02:00:00:00:00:01" });
});

Deno.test("problemOf() finds what CNI doesn't allow", () => {
  assert.equal(problemOf(attachment), undefined);
  const args = new Map([["K8S_POD_NAME", "a;CNI_X=1"]]);
  for (const bad of [{ containerId: "a/b" }, { ifName: "a/b" }, { args }]) {
    assert.equal(
      Reflect.get(problemOf({ ...attachment, ...bad }) ?? {}, "kind"),
      "invalidArgument",
    );
  }
});
