/** ListContainers: answered from memory, each container serialised once per change. */
import {
  Container as CriContainer,
  type ContainerFilter,
  ContainerState as CriState,
  type ListContainersRequest,
} from "../gen/cri/v1/api.ts";
import type { Container, ContainerStore } from "../state/containers.ts";
import { Encoded, entriesOf, joinEntries } from "../state/encoded.ts";
import { matchesLabels } from "../state/selector.ts";
import type { ContainerState } from "../state/status.ts";

export interface ListDeps {
  readonly containers: ContainerStore;
  readonly containerListCache: { version: number; answer: Encoded | undefined };
}

/** Field number of ListContainersResponse.containers and StreamContainersResponse.containers. */
const CONTAINERS = 1;

const entry = entriesOf<Container>(
  CONTAINERS,
  (container) => CriContainer.encode(toCriContainer(container)).finish(),
);

const CRI_STATES: Record<ContainerState["kind"], CriState> = {
  created: CriState.CONTAINER_CREATED,
  running: CriState.CONTAINER_RUNNING,
  exited: CriState.CONTAINER_EXITED,
  unknown: CriState.CONTAINER_UNKNOWN,
};

/** All containers that match the filter. */
export function listContainers(deps: ListDeps, { filter }: ListContainersRequest): Encoded {
  const { containers, containerListCache } = deps;
  if (filter !== undefined && !isEmpty(filter)) return answer(matching(containers, filter));
  if (
    containerListCache.answer === undefined || containerListCache.version !== containers.version
  ) {
    containerListCache.version = containers.version;
    containerListCache.answer = answer([...containers.values()]);
  }
  return containerListCache.answer;
}

/** The entries of the list, for a stream of it. */
export function containerEntries(
  { containers }: ListDeps,
  filter?: ContainerFilter,
): Uint8Array[] {
  return matching(containers, filter).map(entry);
}

function answer(containers: Container[]): Encoded {
  return new Encoded(joinEntries(containers.map(entry)));
}

/** The containers that match, in the order in which they were made. */
export function matching(store: ContainerStore, filter: ContainerFilter | undefined): Container[] {
  return [...store.values()].filter((container) => {
    if (filter === undefined) return true;
    const { metadata } = container;
    if (!container.id.startsWith(filter.id)) return false;
    if (!metadata.sandboxId.startsWith(filter.podSandboxId)) return false;
    if (filter.state !== undefined && filter.state.state !== toCriState(container)) return false;
    return matchesLabels(metadata.config.labels, filter.labelSelector);
  });
}

function isEmpty(filter: ContainerFilter): boolean {
  return filter.id === "" && filter.podSandboxId === "" && filter.state === undefined &&
    filter.labelSelector.size === 0;
}

function toCriContainer(container: Container): CriContainer {
  const { config, imageRef, sandboxId } = container.metadata;
  return {
    id: container.id,
    podSandboxId: sandboxId,
    metadata: config.metadata,
    image: config.image,
    imageRef,
    imageId: imageRef,
    state: toCriState(container),
    createdAt: container.createdAtNs,
    labels: config.labels,
    annotations: config.annotations,
  };
}

export function toCriState(container: Container): CriState {
  return CRI_STATES[container.state.kind];
}
