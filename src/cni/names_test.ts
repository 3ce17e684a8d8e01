import assert from "node:assert/strict";
import { ifNameAt, isArgValue, isIfName, isName, isPluginType } from "./names.ts";

Deno.test("isPluginType() refuses all that could lead out of a folder", () => {
  for (const type of ["", ".", "..", "../../bin/sh", "a/b", "/bin/sh", "a..b", ".x", "a\0", "-x"]) {
    assert.equal(isPluginType(type), false, type);
  }
  for (const type of ["bridge", "host-local", "cilium-cni", "azure_vnet", "bridge.v2"]) {
    assert.equal(isPluginType(type), true, type);
  }
});

Deno.test("isName() is the specification's rule", () => {
  for (const name of ["a", "0af", "pod_1.x-y"]) assert.equal(isName(name), true, name);
  for (const name of ["", "-a", ".a", "a/b", "a b", "ä", "a\n"]) {
    assert.equal(isName(name), false, name);
  }
});

Deno.test("isIfName() is the kernel's rule", () => {
  for (const name of ["eth0", "a.b", "net-1", "x".repeat(15)]) assert.equal(isIfName(name), true);
  for (const name of ["", ".", "..", "a/b", "a:b", "a b", "a\0", "x".repeat(16)]) {
    assert.equal(isIfName(name), false, name);
  }
});

Deno.test("isArgValue() refuses what would end an argument", () => {
  assert.equal(isArgValue("web-0"), true);
  for (const value of ["a;K=V", "a=b", "a\nb"]) assert.equal(isArgValue(value), false);
});

Deno.test("ifNameAt() counts on from the first interface", () => {
  assert.deepEqual([0, 1, 2].map((i) => ifNameAt("eth0", i)), ["eth0", "eth1", "eth2"]);
  assert.equal(ifNameAt("net", 1), "net1");
  assert.equal(ifNameAt("eth9", 1), "eth10");
});
