import assert from "node:assert/strict";
import { fromGoCniResult, toGoCniResult } from "./go_cni.ts";
import { inVersion, isResult, networkResult, primaryFirst } from "./result.ts";

const bridge = {
  cniVersion: "1.0.0",
  interfaces: [
    { name: "cni0", mac: "aa" },
    { name: "veth1", mac: "bb" },
    { name: "eth0", mac: "cc", sandbox: "/run/netns/x" },
  ],
  ips: [
    { address: "fd00::5/64", gateway: "fd00::1", interface: 2 },
    { address: "10.1.0.5/24", gateway: "10.1.0.1", interface: 2 },
    { address: "10.9.9.9/24", interface: 0 },
  ],
  routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1", mtu: 1400 }],
  dns: { nameservers: ["10.1.0.1"] },
};

Deno.test("networkResult() has the addresses of the pod's interface, IPv4 first", () => {
  const result = networkResult([{ ifName: "eth0", raw: bridge }]);
  assert.deepEqual(result.ips, ["10.1.0.5", "fd00::5"]);
  assert.equal(result.raw, bridge);
  assert.deepEqual([...result.interfaces.keys()], ["cni0", "veth1", "eth0"]);
});

for (
  const [what, raw, ips] of [
    ["addresses that name no interface", { ips: [{ address: "10.0.0.2/8" }] }, ["10.0.0.2"]],
    ["the interface -1 of old plugins", {
      interfaces: [{ name: "eth0" }],
      ips: [{ version: "4", address: "10.0.0.2/8", interface: -1 }],
    }, ["10.0.0.2"]],
    ["a result of 0.2.0", {
      cniVersion: "0.2.0",
      ip4: { ip: "10.0.0.2/8", gateway: "10.0.0.1", routes: [{ dst: "0.0.0.0/0" }] },
      ip6: { ip: "fd00::2/64" },
    }, ["10.0.0.2", "fd00::2"]],
    ["null where a list should be", {
      interfaces: null,
      ips: [{ address: "10.0.0.2/8" }],
      routes: null,
      dns: null,
    }, ["10.0.0.2"]],
    ["IPv6 alone", { ips: [{ address: "fd00::2/64" }] }, ["fd00::2"]],
  ] as const
) {
  Deno.test(`networkResult() reads ${what}`, () => {
    assert.deepEqual(networkResult([{ ifName: "eth0", raw }]).ips, ips);
  });
}

for (
  const [what, raw, message] of [
    ["no address", { cniVersion: "1.0.0" }, /gave no address to eth0/],
    ["an address of another interface only", {
      interfaces: [{ name: "other" }],
      ips: [{ address: "10.0.0.2/8", interface: 0 }],
    }, /gave no address to eth0/],
    [
      "an interface that isn't there",
      { ips: [{ address: "10.0.0.2/8", interface: 4 }] },
      /isn't in/,
    ],
    ["an address that is a number", { ips: [{ address: 7 }] }, /wrong ips\.0\.address/],
  ] as const
) {
  Deno.test(`networkResult() refuses a result with ${what}`, () => {
    assert.throws(() => networkResult([{ ifName: "eth0", raw }]), { kind: "internal", message });
  });
}

Deno.test("toGoCniResult() has go-cni's keys, and fromGoCniResult() reads them back", () => {
  const stored = toGoCniResult(networkResult([{ ifName: "eth0", raw: bridge }]));
  assert.deepEqual(stored.Interfaces.eth0, {
    IPConfigs: [{ IP: "fd00::5", Gateway: "fd00::1" }, { IP: "10.1.0.5", Gateway: "10.1.0.1" }],
    Mac: "cc",
    Sandbox: "/run/netns/x",
    PciID: "",
    SocketPath: "",
  });
  assert.equal(stored.Interfaces.veth1?.IPConfigs, null);
  assert.deepEqual(stored.DNS, [{ nameservers: ["10.1.0.1"] }]);
  assert.deepEqual(stored.Routes, [{ dst: "0.0.0.0/0", gw: "10.1.0.1", mtu: 1400 }]);
  assert.deepEqual(fromGoCniResult(JSON.parse(JSON.stringify(stored))), ["10.1.0.5", "fd00::5"]);
});

Deno.test("fromGoCniResult() has no addresses where there is no result", () => {
  for (const stored of [undefined, null, {}, { Interfaces: {} }, { Interfaces: { eth0: {} } }, 7]) {
    assert.deepEqual(fromGoCniResult(stored), []);
  }
});

Deno.test("primaryFirst() leaves the order of the rest", () => {
  assert.deepEqual(primaryFirst(["a::1", "1.1.1.1", "b::1"]), ["1.1.1.1", "a::1", "b::1"]);
  assert.deepEqual(primaryFirst(["a::1", "b::1"]), ["a::1", "b::1"]);
});

Deno.test("inVersion() changes nothing but what the versions differ in", () => {
  assert.equal(inVersion(bridge, "1.0.0"), bridge);
  const old = inVersion({ ...bridge, own: { key: 1 } }, "0.4.0");
  assert.deepEqual(old.ips, [
    { version: "6", ...bridge.ips[0] },
    { version: "4", ...bridge.ips[1] },
    { version: "4", ...bridge.ips[2] },
  ]);
  assert.deepEqual(old.own, { key: 1 });
  assert.deepEqual(inVersion(old, "1.0.0").ips, bridge.ips);
  assert.deepEqual(inVersion({ ips: [] }, "1.1.0"), { cniVersion: "1.1.0", ips: [] });
});

Deno.test("isResult() tells a result from what was put down before its ADD", () => {
  assert.equal(isResult({ cniVersion: "1.0.0" }), false);
  assert.equal(isResult(undefined), false);
  assert.equal(isResult(bridge), true);
});
