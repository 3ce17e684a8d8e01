/** ListPodSandbox: answered from memory, each pod serialised once per change. */
import {
  ListPodSandboxRequest,
  PodSandbox,
  type PodSandboxFilter,
  PodSandboxState,
} from "../gen/cri/v1/api.ts";
import { Encoded, entriesOf, joinEntries } from "../state/encoded.ts";
import type { Sandbox, SandboxStore } from "../state/sandboxes.ts";
import { matchesLabels } from "../state/selector.ts";

export interface ListDeps {
  readonly sandboxes: SandboxStore;
  readonly podListCache: { version: number; answer: Encoded | undefined };
}

/** Field number of ListPodSandboxResponse.items and StreamPodSandboxesResponse.pod_sandboxes. */
const ITEMS = 1;

const entry = entriesOf<Sandbox>(ITEMS, (pod) => PodSandbox.encode(toCriPodSandbox(pod)).finish());

/** All pods that match the filter; pods that are still being made aren't there yet. */
export function listPodSandbox(deps: ListDeps, { filter }: ListPodSandboxRequest): Encoded {
  const { sandboxes, podListCache } = deps;
  if (filter !== undefined && !isEmpty(filter)) return answer(matching(sandboxes, filter));
  if (podListCache.answer === undefined || podListCache.version !== sandboxes.version) {
    podListCache.version = sandboxes.version;
    podListCache.answer = answer(matching(sandboxes, undefined));
  }
  return podListCache.answer;
}

/** The entries of the list, for a stream of it. */
export function podEntries({ sandboxes }: ListDeps, filter?: PodSandboxFilter): Uint8Array[] {
  return matching(sandboxes, filter).map(entry);
}

function answer(pods: Sandbox[]): Encoded {
  return new Encoded(joinEntries(pods.map(entry)));
}

/** The pods that match, in the order in which they were made. */
export function matching(store: SandboxStore, filter: PodSandboxFilter | undefined): Sandbox[] {
  return [...store.values()].filter((pod) => {
    if (pod.state.kind === "pending") return false;
    if (filter === undefined) return true;
    if (!pod.id.startsWith(filter.id)) return false;
    if (filter.state !== undefined && filter.state.state !== toCriState(pod)) return false;
    return matchesLabels(pod.metadata.config.labels, filter.labelSelector);
  });
}

function isEmpty(filter: PodSandboxFilter): boolean {
  return filter.id === "" && filter.state === undefined && filter.labelSelector.size === 0;
}

function toCriPodSandbox(pod: Sandbox): PodSandbox {
  const { config, runtimeHandler } = pod.metadata;
  return {
    id: pod.id,
    metadata: config.metadata,
    state: toCriState(pod),
    createdAt: pod.createdAtNs,
    labels: config.labels,
    annotations: config.annotations,
    runtimeHandler,
  };
}

export function toCriState(pod: Sandbox): PodSandboxState {
  return pod.state.kind === "ready"
    ? PodSandboxState.SANDBOX_READY
    : PodSandboxState.SANDBOX_NOTREADY;
}
