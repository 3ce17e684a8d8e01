import assert from "node:assert/strict";
import { isKind } from "../../base/errors.ts";
import {
  CreateContainerRequest,
  MountPropagation,
  NamespaceMode,
  Protocol,
  RunPodSandboxRequest,
  Signal,
  StopContainerRequest,
} from "../../gen/cri/v1/api.ts";
import { checkCreateContainer, checkStopContainer } from "./container.ts";
import { checkId } from "./fields.ts";
import { checkRunPodSandbox } from "./pod.ts";

type PodConfig = NonNullable<Parameters<typeof RunPodSandboxRequest.fromPartial>[0]["config"]>;
type Config = NonNullable<Parameters<typeof CreateContainerRequest.fromPartial>[0]["config"]>;

const METADATA = { name: "web", namespace: "shop", uid: "u" };

const PODS: [field: string, config: PodConfig | undefined][] = [
  ["config", undefined],
  ["config.metadata", {}],
  ["config.metadata.name", { metadata: { ...METADATA, name: "" } }],
  ["config.metadata.name", { metadata: { ...METADATA, name: "../up" } }],
  ["config.metadata.uid", { metadata: { ...METADATA, uid: "" } }],
  ["config.metadata.namespace", { metadata: { ...METADATA, namespace: "" } }],
  ["config.metadata.uid", { metadata: { ...METADATA, uid: "a\0b" } }],
  ["config.hostname", { metadata: METADATA, hostname: "a b" }],
  ["config.log_directory", { metadata: METADATA, logDirectory: "relative" }],
  ["config.log_directory", { metadata: METADATA, logDirectory: "/var/log/../../etc" }],
  ["config.dns_config.servers[0]", { metadata: METADATA, dnsConfig: { servers: ["1\nsearch x"] } }],
  ["config.port_mappings[0].host_port", {
    metadata: METADATA,
    portMappings: [{ hostPort: 70_000, containerPort: 1 }],
  }],
  ["config.port_mappings[0].container_port", {
    metadata: METADATA,
    portMappings: [{ hostPort: 80, containerPort: -1 }],
  }],
  ["config.port_mappings[0].protocol", {
    metadata: METADATA,
    portMappings: [{ hostPort: 80, containerPort: 80, protocol: 9 as Protocol }],
  }],
  ["config.labels", { metadata: METADATA, labels: new Map([["k", "x".repeat(10_000_000)]]) }],
  ['config.annotations["k"]', { metadata: METADATA, annotations: new Map([["k", "\0"]]) }],
  ["config.linux.cgroup_parent", { metadata: METADATA, linux: { cgroupParent: "/a/../.." } }],
  ["config.linux.security_context.namespace_options.network", {
    metadata: METADATA,
    linux: { securityContext: { namespaceOptions: { network: NamespaceMode.TARGET } } },
  }],
];

for (const [field, config] of PODS) {
  Deno.test(`checkRunPodSandbox() refuses a bad ${field} by its name`, () => {
    const request = RunPodSandboxRequest.fromPartial(config === undefined ? {} : { config });
    refuses(field, () => checkRunPodSandbox(request));
  });
}

const GOOD: Config = { metadata: { name: "c" }, image: { image: "busybox" } };

const CONTAINERS: [field: string, config: Config | undefined][] = [
  ["config", undefined],
  ["config.metadata", {}],
  ["config.metadata.name", { ...GOOD, metadata: { name: "a/b" } }],
  ["config.image.image", { metadata: { name: "c" } }],
  ["config.envs[0].key", { ...GOOD, envs: [{ key: "A=B" }] }],
  ["config.mounts[0].container_path", { ...GOOD, mounts: [{ hostPath: "/a" }] }],
  ["config.mounts[0].host_path", { ...GOOD, mounts: [{ containerPath: "/a" }] }],
  ["config.mounts[0].host_path", {
    ...GOOD,
    mounts: [{ containerPath: "/a", hostPath: "/b/../c" }],
  }],
  ["config.mounts[0].propagation", {
    ...GOOD,
    mounts: [{ containerPath: "/a", hostPath: "/b", propagation: 7 as MountPropagation }],
  }],
  ["config.devices[0].permissions", {
    ...GOOD,
    devices: [{ hostPath: "/dev/x", containerPath: "/dev/x", permissions: "rx" }],
  }],
  ["config.log_path", { ...GOOD, logPath: "/etc/passwd" }],
  ["config.log_path", { ...GOOD, logPath: "../../x" }],
  ["config.working_dir", { ...GOOD, workingDir: "proc/self/fd/7" }],
  ["config.stop_signal", { ...GOOD, stopSignal: 99 as Signal }],
  ["config.args[0]", { ...GOOD, args: ["a\0"] }],
];

for (const [field, config] of CONTAINERS) {
  Deno.test(`checkCreateContainer() refuses a bad ${field} by its name`, () => {
    const request = CreateContainerRequest.fromPartial({
      podSandboxId: "a1",
      ...(config === undefined ? {} : { config }),
    });
    refuses(field, () => checkCreateContainer(request));
  });
}

Deno.test("checkCreateContainer() lets an ordinary container pass", () => {
  checkCreateContainer(CreateContainerRequest.fromPartial({ podSandboxId: "a1", config: GOOD }));
});

Deno.test("checkStopContainer() refuses a negative timeout", () => {
  const request = StopContainerRequest.fromPartial({ containerId: "a1", timeout: -1n });
  refuses("timeout", () => checkStopContainer(request));
});

for (const id of ["", "../x", "a/b", "a b", "-x", "x".repeat(300)]) {
  Deno.test(`checkId() refuses ${JSON.stringify(id.slice(0, 10))}`, () => {
    refuses("container_id", () => checkId("container_id", id));
  });
}

function refuses(field: string, check: () => void): void {
  assert.throws(check, (error) => {
    assert.ok(isKind(error, "invalidArgument"), String(error));
    assert.ok(error.message.startsWith(`${field}:`), error.message);
    assert.ok(error.message.length < 300);
    return true;
  });
}
