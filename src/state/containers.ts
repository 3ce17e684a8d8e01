/** Containers in memory, with an index by pod. */
import type { ContainerId, SandboxId } from "../base/id.ts";
import type { LinuxContainerUser } from "../gen/cri/v1/api.ts";
import type { ContainerMetadata } from "./metadata.ts";
import type { ContainerState } from "./status.ts";
import { RecordStore } from "./store.ts";

export interface Container {
  readonly id: ContainerId;
  readonly metadata: ContainerMetadata;
  readonly createdAtNs: bigint;
  readonly state: ContainerState;
  readonly snapshotter: string;
  readonly snapshotKey: string;
  /** Whom its process runs as; undefined for a container whose spec can't be read. */
  readonly user: LinuxContainerUser | undefined;
}

export class ContainerStore extends RecordStore<ContainerId, Container> {
  readonly #byPod = new Map<SandboxId, Set<ContainerId>>();

  constructor() {
    super("container");
    this.onChange((before, after) => {
      if (before === undefined && after !== undefined) this.#index(after);
      if (before !== undefined && after === undefined) this.#unindex(before);
    });
  }

  /** The containers of a pod, in the order in which they were made. */
  ofPod(sandboxId: SandboxId): Container[] {
    const ids = this.#byPod.get(sandboxId) ?? [];
    return [...ids].map((id) => this.find(id)).filter((found) => found !== undefined);
  }

  #index(container: Container): void {
    const ids = this.#byPod.get(container.metadata.sandboxId) ?? new Set();
    this.#byPod.set(container.metadata.sandboxId, ids.add(container.id));
  }

  #unindex(container: Container): void {
    const ids = this.#byPod.get(container.metadata.sandboxId);
    ids?.delete(container.id);
    if (ids?.size === 0) this.#byPod.delete(container.metadata.sandboxId);
  }
}

/** "web in shop/web-0", as people and logs call a container. */
export function containerLabel(container: Pick<Container, "metadata">): string {
  return container.metadata.config.metadata?.name ?? container.metadata.id;
}
