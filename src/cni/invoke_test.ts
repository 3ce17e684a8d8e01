import assert from "node:assert/strict";
import { type Invocation, prepareCall, readAnswer } from "./invoke.ts";
import { targetOf } from "./target.ts";

const attachment = {
  containerId: "abc",
  netnsPath: "/run/netns/x",
  ifName: "eth0",
  args: new Map([["K8S_POD_NAME", "web-0"]]),
  portMappings: [{ hostPort: 80, containerPort: 8080, protocol: "tcp" as const, hostIP: "" }],
  bandwidth: { ingressRate: 1n, ingressBurst: 2n, egressRate: 3n, egressBurst: 4n },
  cgroupPath: "",
};

const add: Invocation = {
  verb: "ADD",
  networkName: "n",
  cniVersion: "1.0.0",
  plugin: {
    type: "portmap",
    capabilities: new Set(["portMappings", "bandwidth", "cgroupPath"]),
    raw: { type: "portmap", snat: true, capabilities: { portMappings: true } },
  },
  path: "/opt/cni/bin/portmap",
  binDirs: ["/opt/cni/bin", "/usr/lib/cni"],
  timeoutMs: 1000,
  target: targetOf(attachment, 0),
  prevResult: { cniVersion: "1.0.0", ips: [] },
};

function stdinOf(invocation: Invocation): Record<string, unknown> {
  return JSON.parse(new TextDecoder().decode(prepareCall(invocation).stdin));
}

Deno.test("prepareCall() gives a plugin its variables and no others", () => {
  assert.deepEqual(prepareCall(add).env, {
    CNI_COMMAND: "ADD",
    CNI_CONTAINERID: "abc",
    CNI_NETNS: "/run/netns/x",
    CNI_IFNAME: "eth0",
    CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAME=web-0",
    CNI_PATH: "/opt/cni/bin:/usr/lib/cni",
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  });
});

Deno.test("prepareCall() adds name, version, previous result and what capabilities ask for", () => {
  assert.deepEqual(stdinOf(add), {
    type: "portmap",
    snat: true,
    capabilities: { portMappings: true },
    name: "n",
    cniVersion: "1.0.0",
    runtimeConfig: {
      portMappings: [{ hostPort: 80, containerPort: 8080, protocol: "tcp", hostIP: "" }],
      bandwidth: { ingressRate: 1, ingressBurst: 2, egressRate: 3, egressBurst: 4 },
    },
    prevResult: { cniVersion: "1.0.0", ips: [] },
  });
});

Deno.test("prepareCall() tells a plugin nothing that it didn't declare", () => {
  const plugin = { ...add.plugin, capabilities: new Set(["dns"]) };
  assert.equal(stdinOf({ ...add, plugin }).runtimeConfig, undefined);
});

Deno.test("prepareCall() gives GC the valid attachments under both keys, and no container", () => {
  const gc = { ...add, verb: "GC", target: undefined, prevResult: undefined } as const;
  const call = { ...gc, valid: [{ containerId: "a", ifName: "eth0" }] };
  const list = [{ containerID: "a", ifname: "eth0" }];
  assert.deepEqual(stdinOf(call)["cni.dev/valid-attachments"], list);
  assert.deepEqual(stdinOf(call)["cni.dev/attachments"], list);
  assert.equal(prepareCall(call).env.CNI_CONTAINERID, undefined);
});

Deno.test("prepareCall() asks for versions with a version alone", () => {
  const version = { ...add, verb: "VERSION", target: undefined } as const;
  assert.deepEqual(stdinOf(version), { cniVersion: "1.0.0" });
});

function answer(code: number, stdout: string, stderr = "") {
  return { code, stdout: new TextEncoder().encode(stdout), stderr };
}

for (
  const [what, result, kind, message] of [
    [
      "an error of the specification",
      answer(1, '{"code":7,"msg":"bad","details":"subnet"}', "log"),
      "failedPrecondition",
      'Plugin "portmap" of network n (ADD) failed with code 7: bad: subnet; it wrote: log',
    ],
    [
      "try again later",
      answer(1, '{"code":11,"msg":"later"}'),
      "unavailable",
      'Plugin "portmap" of network n (ADD) failed with code 11: later',
    ],
    [
      "an error of the plugin's own",
      answer(1, '{"code":101,"msg":"own"}'),
      "internal",
      'Plugin "portmap" of network n (ADD) failed with code 101: own',
    ],
    [
      "a crash",
      answer(2, "", "panic: nil\ngoroutine 1"),
      "internal",
      'Plugin "portmap" of network n (ADD) failed with exit code 2; it wrote: panic: nil\ngoroutine 1',
    ],
  ] as const
) {
  Deno.test(`readAnswer() makes an error of ${what}`, () => {
    assert.throws(() => readAnswer(add, result), { kind, message });
  });
}

Deno.test("readAnswer() gives what was printed, undefined for nothing", () => {
  assert.deepEqual(readAnswer(add, answer(0, ' {"ips":[]}\n')), { ips: [] });
  assert.equal(readAnswer(add, answer(0, "\n")), undefined);
});
