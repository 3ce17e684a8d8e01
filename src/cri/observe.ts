/** The rows of the RPCs that watch the node: events, statistics and metrics. */
import type { ContainerEvents } from "../events/container_events.ts";
import { containerStats, containerStatsEntries } from "../containers/stats.ts";
import type { RuntimeServiceDefinition } from "../gen/cri/v1/api.ts";
import { listMetricDescriptors, type MetricsDeps, podMetricsEntries } from "../pods/metrics.ts";
import { podSandboxStats, podStatsEntries } from "../pods/stats.ts";
import { inMessages, inOneMessage } from "./entries.ts";
import type { Handlers } from "./service_definition.ts";
import { checkId } from "./validate/fields.ts";

export interface ObserveDeps extends MetricsDeps {
  readonly events: ContainerEvents;
}

export function observeRows(deps: ObserveDeps) {
  return {
    getContainerEvents: (_request, signal) => deps.events.subscribe(signal),
    containerStats: ({ containerId }) => {
      checkId("container_id", containerId);
      return containerStats(deps, containerId);
    },
    listContainerStats: ({ filter }) => inOneMessage(containerStatsEntries(deps, filter)),
    streamContainerStats: ({ filter }) => inMessages(containerStatsEntries(deps, filter)),
    podSandboxStats: ({ podSandboxId }) => {
      checkId("pod_sandbox_id", podSandboxId);
      return podSandboxStats(deps, podSandboxId);
    },
    listPodSandboxStats: ({ filter }) => inOneMessage(podStatsEntries(deps, filter)),
    streamPodSandboxStats: ({ filter }) => inMessages(podStatsEntries(deps, filter)),
    listMetricDescriptors,
    listPodSandboxMetrics: () => inOneMessage(podMetricsEntries(deps)),
    streamPodSandboxMetrics: () => inMessages(podMetricsEntries(deps)),
  } satisfies Partial<Handlers<typeof RuntimeServiceDefinition>>;
}
