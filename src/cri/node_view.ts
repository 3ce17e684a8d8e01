/** What a daemon knows of its node, asked over the CRI, in plain shapes for people to see. */
import {
  type Container,
  ContainerEventType,
  ContainerState,
  type PodSandbox,
  PodSandboxState,
  RuntimeServiceDefinition,
} from "../gen/cri/v1/api.ts";
import { CriClient } from "./client.ts";

const { methods } = RuntimeServiceDefinition;

export interface PodView {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly attempt: number;
  readonly state: "ready" | "not ready";
  readonly ips: readonly string[];
  readonly createdAtNs: bigint;
}

export interface ContainerView {
  readonly id: string;
  readonly name: string;
  readonly podId: string;
  /** "namespace/name" */
  readonly pod: string;
  readonly image: string;
  readonly state: "created" | "running" | "exited" | "unknown";
  readonly attempt: number;
  readonly createdAtNs: bigint;
}

export interface StatsView {
  readonly id: string;
  readonly name: string;
  readonly pod: string;
  /** Billionths of a core; undefined while the rate isn't known. */
  readonly nanoCores: bigint | undefined;
  readonly workingSetBytes: bigint;
  /** Undefined without a limit. */
  readonly availableBytes: bigint | undefined;
  /** Undefined before it was first measured. */
  readonly layerBytes: bigint | undefined;
}

export interface EventView {
  readonly atNs: bigint;
  readonly type: "created" | "started" | "stopped" | "deleted";
  readonly id: string;
  /** Of the container; "" for the pod itself. */
  readonly container: string;
  readonly pod: string;
}

export interface LogView {
  readonly path: string;
  readonly isRunning: boolean;
}

/** One daemon, as its commands for people see it. */
export class NodeView implements Disposable {
  readonly #client: CriClient;

  constructor(listen: string) {
    this.#client = new CriClient(listen);
  }

  async pods(): Promise<PodView[]> {
    const { items } = await this.#client.call(methods.listPodSandbox, { filter: undefined });
    return await Promise.all(items.map((pod) => this.#podView(pod)));
  }

  async #podView(pod: PodSandbox): Promise<PodView> {
    const request = { podSandboxId: pod.id, verbose: false };
    // Gone since it was listed: what the list said is what there is to say.
    const answer = await this.#client.call(methods.podSandboxStatus, request).catch(() =>
      undefined
    );
    const network = answer?.status?.network;
    const ips = [network?.ip ?? "", ...(network?.additionalIps ?? []).map(({ ip }) => ip)];
    const { namespace = "", name = "", attempt = 0 } = pod.metadata ?? {};
    return {
      id: pod.id,
      namespace,
      name,
      attempt,
      state: pod.state === PodSandboxState.SANDBOX_READY ? "ready" : "not ready",
      ips: ips.filter((ip) => ip !== ""),
      createdAtNs: pod.createdAt,
    };
  }

  async containers(): Promise<ContainerView[]> {
    const [{ containers }, pods] = await Promise.all([
      this.#client.call(methods.listContainers, { filter: undefined }),
      this.#podNames(),
    ]);
    return containers.map((one) => ({
      id: one.id,
      name: one.metadata?.name ?? "",
      podId: one.podSandboxId,
      pod: pods.get(one.podSandboxId) ?? "",
      image: imageOf(one),
      state: STATES[one.state] ?? "unknown",
      attempt: one.metadata?.attempt ?? 0,
      createdAtNs: one.createdAt,
    }));
  }

  /** Of the containers that run. */
  async stats(): Promise<StatsView[]> {
    const [{ stats }, containers] = await Promise.all([
      this.#client.call(methods.listContainerStats, { filter: undefined }),
      this.containers(),
    ]);
    const byId = new Map(containers.map((one) => [one.id, one]));
    return stats.filter(({ memory }) => memory !== undefined).map((one) => {
      const id = one.attributes?.id ?? "";
      return {
        id,
        name: one.attributes?.metadata?.name ?? "",
        pod: byId.get(id)?.pod ?? "",
        nanoCores: one.cpu?.usageNanoCores?.value,
        workingSetBytes: one.memory?.workingSetBytes?.value ?? 0n,
        availableBytes: one.memory?.availableBytes?.value,
        layerBytes: one.writableLayer?.usedBytes?.value,
      };
    });
  }

  /** Everything that happens from now on, until the signal is aborted. */
  async *events(signal: AbortSignal): AsyncGenerator<EventView> {
    const names = new Map<string, string>();
    for await (const event of this.#client.stream(methods.getContainerEvents, {}, signal)) {
      for (const one of event.containersStatuses) names.set(one.id, one.metadata?.name ?? "");
      const { namespace = "", name = "" } = event.podSandboxStatus?.metadata ?? {};
      yield {
        atNs: event.createdAt,
        type: EVENTS[event.containerEventType] ?? "created",
        id: event.containerId,
        container: names.get(event.containerId) ?? "",
        pod: `${namespace}/${name}`,
      };
      if (event.containerEventType === ContainerEventType.CONTAINER_DELETED_EVENT) {
        names.delete(event.containerId);
      }
    }
  }

  async logOf(containerId: string): Promise<LogView> {
    const request = { containerId, verbose: false };
    const { status } = await this.#client.call(methods.containerStatus, request);
    return {
      path: status?.logPath ?? "",
      isRunning: status?.state === ContainerState.CONTAINER_RUNNING,
    };
  }

  async #podNames(): Promise<Map<string, string>> {
    const { items } = await this.#client.call(methods.listPodSandbox, { filter: undefined });
    return new Map(items.map(({ id, metadata }) => [
      id,
      `${metadata?.namespace ?? ""}/${metadata?.name ?? ""}`,
    ]));
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}

const STATES: Readonly<Partial<Record<ContainerState, ContainerView["state"]>>> = {
  [ContainerState.CONTAINER_CREATED]: "created",
  [ContainerState.CONTAINER_RUNNING]: "running",
  [ContainerState.CONTAINER_EXITED]: "exited",
};

const EVENTS: Readonly<Partial<Record<ContainerEventType, EventView["type"]>>> = {
  [ContainerEventType.CONTAINER_CREATED_EVENT]: "created",
  [ContainerEventType.CONTAINER_STARTED_EVENT]: "started",
  [ContainerEventType.CONTAINER_STOPPED_EVENT]: "stopped",
  [ContainerEventType.CONTAINER_DELETED_EVENT]: "deleted",
};

/** As the pod named it, rather than by its id. */
function imageOf({ image }: Container): string {
  return image?.userSpecifiedImage || image?.image || "";
}
