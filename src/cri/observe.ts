/** The rows of the RPCs that watch the node: events, statistics and metrics. */
import { CriError } from "../base/errors.ts";
import type { ContainerEvents } from "../events/container_events.ts";
import type { RuntimeServiceDefinition } from "../gen/cri/v1/api.ts";
import type { Handlers } from "./service_definition.ts";

export interface ObserveDeps {
  readonly events: ContainerEvents;
}

export function observeRows(deps: ObserveDeps) {
  return {
    getContainerEvents: (_request, signal) => deps.events.subscribe(signal),
    containerStats: () => unimplemented("ContainerStats"),
    listContainerStats: () => unimplemented("ListContainerStats"),
    streamContainerStats: () => unimplemented("StreamContainerStats"),
    podSandboxStats: () => unimplemented("PodSandboxStats"),
    listPodSandboxStats: () => unimplemented("ListPodSandboxStats"),
    streamPodSandboxStats: () => unimplemented("StreamPodSandboxStats"),
    listMetricDescriptors: () => unimplemented("ListMetricDescriptors"),
    listPodSandboxMetrics: () => unimplemented("ListPodSandboxMetrics"),
    streamPodSandboxMetrics: () => unimplemented("StreamPodSandboxMetrics"),
  } satisfies Partial<Handlers<typeof RuntimeServiceDefinition>>;
}

function unimplemented(method: string): never {
  throw new CriError("unimplemented", `${method} is not implemented`);
}
