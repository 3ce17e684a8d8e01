/** Step 6 of 7: everything about a container that is known before anything is made. */
import { CriError } from "../base/errors.ts";
import { newContainerId } from "../base/id.ts";
import {
  type ContainerConfig,
  type CreateContainerRequest,
  NamespaceMode,
  Signal,
} from "../gen/cri/v1/api.ts";
import type { Image } from "../images/image.ts";
import type { ImageStore } from "../images/store.ts";
import type { MountSource } from "../oci/input.ts";
import type { Accounts } from "../oci/user.ts";
import type { Container, ContainerStore } from "../state/containers.ts";
import { containerName } from "../state/names.ts";
import { assertReady, podName, type Sandbox, type SandboxStore } from "../state/sandboxes.ts";
import { type Runtime, runtimeFor, type Settings } from "../state/settings.ts";
import { type FactsDeps, podFacts, runtimeFacts } from "./facts.ts";
import type { SpecPlan } from "./spec.ts";
import { volumesOf } from "./volumes.ts";

export interface PlanDeps extends FactsDeps {
  readonly containers: ContainerStore;
  readonly sandboxes: SandboxStore;
  readonly images: Pick<ImageStore, "find">;
  readonly settings: Settings;
  nowNs(): bigint;
}

/** All that is known before anything is made. */
export interface Plan {
  readonly container: Container;
  readonly pod: Sandbox;
  readonly image: Image;
  readonly runtime: Runtime;
}

/**
 * @throws CriError notFound for the pod or image, failedPrecondition when the pod is not ready
 */
export function makePlan(deps: PlanDeps, { podSandboxId, config }: CreateContainerRequest): Plan {
  const pod = deps.sandboxes.get(podSandboxId);
  const podMetadata = pod.metadata.config.metadata;
  if (config?.metadata === undefined || podMetadata === undefined) {
    throw new Error("the edge lets no container pass without metadata");
  }
  assertReady(pod, `create a container in pod ${podName(pod)} (${pod.id})`);
  const image = findImage(deps, config);
  const runtime = runtimeFor(deps.settings, pod.metadata.runtimeHandler);
  const id = newContainerId();
  const container: Container = {
    id,
    metadata: {
      id,
      name: containerName(config.metadata, podMetadata),
      sandboxId: pod.id,
      config,
      imageRef: image.id,
      logPath: logPath(pod, config),
      stopSignal: stopSignal(config, image),
      processLabel: "",
    },
    createdAtNs: deps.nowNs(),
    state: { kind: "created" },
    snapshotter: runtime.snapshotter,
    snapshotKey: id,
    user: undefined,
  };
  return { container, pod, image, runtime };
}

function findImage(deps: PlanDeps, config: ContainerConfig): Image {
  const reference = config.image?.image ?? "";
  const image = deps.images.find(reference);
  if (image !== undefined) return image;
  throw new CriError("notFound", `No image ${JSON.stringify(reference)} on this node`, {
    remedy: "pull it first",
  });
}

function logPath(pod: Sandbox, config: ContainerConfig): string {
  const { logDirectory } = pod.metadata.config;
  return logDirectory === "" || config.logPath === "" ? "" : `${logDirectory}/${config.logPath}`;
}

/** The request's wish comes before the image's (CRI, ContainerConfig.stop_signal). */
function stopSignal(config: ContainerConfig, image: Image): string {
  if (config.stopSignal === Signal.RUNTIME_DEFAULT) return image.config.stopSignal;
  return Signal[config.stopSignal] ?? "";
}

/** What is found out on the way. */
export interface Found {
  readonly accounts: Accounts;
  /** Of all mounts of the request. */
  readonly mountSources: readonly MountSource[];
}

/** What the spec is built from, once all is found. */
export function specPlan(
  deps: PlanDeps,
  { container, pod, image, runtime }: Plan,
  { accounts, mountSources }: Found,
): SpecPlan {
  return {
    container,
    image,
    accounts,
    pod: podFacts(deps, pod),
    runtime: runtimeFacts(runtime),
    baseSpec: runtime.baseSpec,
    mountSources,
    volumes: volumesOf(deps.settings, { container, image }),
    targetPid: targetPid(deps, container),
  };
}

/** The container whose pid namespace is asked for must run in the same pod. */
function targetPid(deps: PlanDeps, { metadata }: Container): number | undefined {
  const options = metadata.config.linux?.securityContext?.namespaceOptions;
  if (options?.pid !== NamespaceMode.TARGET) return undefined;
  const target = deps.containers.resolve(options.targetId);
  if (target?.metadata.sandboxId !== metadata.sandboxId) return undefined;
  return target.state.kind === "running" ? target.state.pid : undefined;
}
