/** Records of pods and containers as the stores hold them, for tests that need no request. */
import type { ContainerId, ImageId, SandboxId } from "../../src/base/id.ts";
import { ContainerConfig, PodSandboxConfig } from "../../src/gen/cri/v1/api.ts";
import type { Container } from "../../src/state/containers.ts";
import type { Sandbox } from "../../src/state/sandboxes.ts";

/** A pod that is ready; `more` replaces members. */
export function sandboxRecord(name: string, more: Partial<Sandbox> = {}): Sandbox {
  const id = `pod-${name}` as SandboxId;
  return {
    id,
    metadata: {
      id,
      name,
      config: PodSandboxConfig.fromPartial({
        metadata: { name, namespace: "shop", uid: `uid-${name}`, attempt: 0 },
        linux: { cgroupParent: `/kubepods/${name}` },
      }),
      netnsPath: `/netns/${name}`,
      ips: ["10.1.0.2"],
      runtimeHandler: "",
      cniResult: undefined,
      processLabel: "",
    },
    createdAtNs: 1n,
    state: { kind: "ready", pid: 100 },
    runtimeType: "io.containerd.runc.v2",
    snapshotter: "overlayfs",
    leftovers: [],
    ...more,
  };
}

/** A container that runs in a pod; `more` replaces members. */
export function containerRecord(
  pod: Sandbox,
  name: string,
  more: Partial<Container> = {},
): Container {
  const id = `${pod.metadata.name}-${name}` as ContainerId;
  return {
    id,
    metadata: {
      id,
      name,
      sandboxId: pod.id,
      config: ContainerConfig.fromPartial({
        metadata: { name, attempt: 0 },
        image: { image: "busybox:1" },
        labels: new Map([["app", name]]),
      }),
      imageRef: "sha256:1" as ImageId,
      logPath: "",
      stopSignal: "",
      processLabel: "",
    },
    createdAtNs: 2n,
    state: { kind: "running", pid: 200, startedAtNs: 3n },
    snapshotter: "overlayfs",
    snapshotKey: id,
    user: undefined,
    ...more,
  };
}
