import assert from "node:assert/strict";
import type { ContainerId, SandboxId } from "../base/id.ts";
import { ContainerConfig, NamespaceMode, PodSandboxConfig, Signal } from "../gen/cri/v1/api.ts";
import {
  decodeContainerMetadata,
  decodeSandboxMetadata,
  encodeContainerMetadata,
  encodeSandboxMetadata,
} from "./metadata.ts";

const SANDBOX = {
  id: "a".repeat(64) as SandboxId,
  name: "web_shop_uid_0",
  config: PodSandboxConfig.fromPartial({
    metadata: { name: "web", namespace: "shop", uid: "uid", attempt: 0 },
    hostname: "web",
    dnsConfig: { servers: ["10.0.0.10"] },
    labels: new Map([["app.kubernetes.io/name", "web"], ["__proto__", "x"]]),
    linux: {
      cgroupParent: "/kubepods/pod1",
      securityContext: {
        runAsUser: { value: 9_223_372_036_854_775_807n },
        namespaceOptions: { pid: NamespaceMode.CONTAINER },
      },
    },
  }),
  netnsPath: "/var/run/netns/cri-1",
  ips: ["10.88.0.2", "fd00::2"],
  runtimeHandler: "",
  cniResult: { Interfaces: {} },
  processLabel: "",
};

Deno.test("sandbox metadata comes back from its bytes unchanged", () => {
  assert.deepEqual(decodeSandboxMetadata(encodeSandboxMetadata(SANDBOX)), SANDBOX);
});

Deno.test("sandbox metadata is written as containerd's CRI plugin writes it", () => {
  const json = new TextDecoder().decode(encodeSandboxMetadata(SANDBOX));
  const { Version, Metadata } = JSON.parse(json);
  assert.equal(Version, "v1");
  assert.equal(Metadata.IP, "10.88.0.2");
  assert.deepEqual(Metadata.AdditionalIPs, ["fd00::2"]);
  assert.deepEqual(Metadata.Config.dns_config, { servers: ["10.0.0.10"] });
  assert.equal(Metadata.Config.labels["app.kubernetes.io/name"], "web");
  assert.match(json, /"run_as_user":\{"value":9223372036854775807\}/);
  assert.match(json, /"namespace_options":\{"pid":1\}/);
});

Deno.test("container metadata comes back from its bytes unchanged", () => {
  const metadata = {
    id: "b".repeat(64) as ContainerId,
    name: "c_web_shop_uid_0",
    sandboxId: SANDBOX.id,
    config: ContainerConfig.fromPartial({
      metadata: { name: "c", attempt: 3 },
      image: { image: "sha256:1" },
      envs: [{ key: "A", value: new Uint8Array([0xff, 0]) }],
      mounts: [{
        containerPath: "/a",
        hostPath: "/b",
        uidMappings: [{ hostId: 1, containerId: 0, length: 10 }],
      }],
      CDIDevices: [{ name: "vendor.com/gpu=0" }],
      annotations: new Map([["k", "v"]]),
      stopSignal: Signal.SIGUSR1,
    }),
    imageRef: "sha256:1",
    logPath: "/var/log/pods/x/0.log",
    stopSignal: "SIGUSR1",
    processLabel: "",
  };
  assert.deepEqual(decodeContainerMetadata(encodeContainerMetadata(metadata)), metadata);
});

Deno.test("metadata of another version or cut off is refused", () => {
  const encode = (text: string) => new TextEncoder().encode(text);
  assert.throws(() => decodeSandboxMetadata(encode('{"Version":"v2","Metadata":{}}')));
  assert.throws(() => decodeSandboxMetadata(encodeSandboxMetadata(SANDBOX).slice(0, 40)));
});

Deno.test("decodeSandboxMetadata() takes metadata without a network's result", () => {
  const json = '{"Version":"v1","Metadata":{"ID":"a","Name":"n","NetNSPath":"/n"}}';
  const { id, cniResult } = decodeSandboxMetadata(new TextEncoder().encode(json));
  assert.deepEqual([id, cniResult], ["a", undefined]);
});
