/** The rows of the RPCs that watch the node: events, statistics and metrics. */
import { CriError } from "../base/errors.ts";
import type { ContainerEvents } from "../events/container_events.ts";
import { containerStats, listContainerStats } from "../containers/stats.ts";
import type { RuntimeServiceDefinition } from "../gen/cri/v1/api.ts";
import { listPodSandboxStats, podSandboxStats, type StatsDeps } from "../pods/stats.ts";
import type { Handlers } from "./service_definition.ts";
import { checkId } from "./validate/fields.ts";

export interface ObserveDeps extends StatsDeps {
  readonly events: ContainerEvents;
}

export function observeRows(deps: ObserveDeps) {
  return {
    getContainerEvents: (_request, signal) => deps.events.subscribe(signal),
    containerStats: ({ containerId }) => {
      checkId("container_id", containerId);
      return containerStats(deps, containerId);
    },
    listContainerStats: ({ filter }) => listContainerStats(deps, filter),
    streamContainerStats: async function* ({ filter }) {
      yield await listContainerStats(deps, filter);
    },
    podSandboxStats: ({ podSandboxId }) => {
      checkId("pod_sandbox_id", podSandboxId);
      return podSandboxStats(deps, podSandboxId);
    },
    listPodSandboxStats: ({ filter }) => listPodSandboxStats(deps, filter),
    streamPodSandboxStats: async function* ({ filter }) {
      yield await listPodSandboxStats(deps, filter);
    },
    listMetricDescriptors: () => unimplemented("ListMetricDescriptors"),
    listPodSandboxMetrics: () => unimplemented("ListPodSandboxMetrics"),
    streamPodSandboxMetrics: () => unimplemented("StreamPodSandboxMetrics"),
  } satisfies Partial<Handlers<typeof RuntimeServiceDefinition>>;
}

function unimplemented(method: string): never {
  throw new CriError("unimplemented", `${method} is not implemented`);
}
