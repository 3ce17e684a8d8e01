import assert from "node:assert/strict";
import { isKind } from "../base/errors.ts";
import type { SandboxId } from "../base/id.ts";
import { PodSandboxConfig, Protocol } from "../gen/cri/v1/api.ts";
import { attachment, bandwidthOf } from "./network.ts";

function pod(config: Parameters<typeof PodSandboxConfig.fromPartial>[0]) {
  return {
    id: "1".repeat(64) as SandboxId,
    name: "n",
    config: PodSandboxConfig.fromPartial({
      metadata: { name: "web", namespace: "shop", uid: "u1" },
      ...config,
    }),
    netnsPath: "/run/netns/x",
    ips: [],
    runtimeHandler: "",
    cniResult: undefined,
    processLabel: "",
  };
}

Deno.test("attachment() tells plugins the pod's names", () => {
  const { args, ifName, containerId } = attachment(pod({}));
  assert.equal(ifName, "eth0");
  assert.equal(containerId, "1".repeat(64));
  assert.deepEqual(Object.fromEntries(args), {
    K8S_POD_NAMESPACE: "shop",
    K8S_POD_NAME: "web",
    K8S_POD_INFRA_CONTAINER_ID: "1".repeat(64),
    K8S_POD_UID: "u1",
  });
});

Deno.test("attachment() leaves ports out that have no port on the node", () => {
  const { portMappings } = attachment(pod({
    portMappings: [
      { containerPort: 80 },
      { containerPort: 53, hostPort: 5353, protocol: Protocol.UDP, hostIp: "127.0.0.1" },
    ],
  }));
  assert.deepEqual(portMappings, [
    { containerPort: 53, hostPort: 5353, protocol: "udp", hostIP: "127.0.0.1" },
  ]);
});

const RATES: [text: string, bits: bigint][] = [
  ["10M", 10_000_000n],
  ["512Ki", 524_288n],
  ["1.5G", 1_500_000_000n],
  ["1000", 1000n],
];

for (const [text, bits] of RATES) {
  Deno.test(`bandwidthOf() reads the quantity ${text}`, () => {
    const config =
      pod({ annotations: new Map([["kubernetes.io/ingress-bandwidth", text]]) }).config;
    const bandwidth = bandwidthOf(config);
    assert.equal(bandwidth?.ingressRate, bits);
    assert.ok((bandwidth?.ingressBurst ?? 0n) > 0n);
    assert.equal(bandwidth?.egressRate, 0n);
    assert.equal(bandwidth?.egressBurst, 0n);
  });
}

Deno.test("bandwidthOf() refuses what is no quantity and names the annotation", () => {
  const config = pod({ annotations: new Map([["kubernetes.io/egress-bandwidth", "fast"]]) }).config;
  assert.throws(
    () => bandwidthOf(config),
    (error) => isKind(error, "invalidArgument") && /egress-bandwidth.*"fast"/.test(error.message),
  );
});
