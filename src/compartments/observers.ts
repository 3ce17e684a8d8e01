/** The part of the server compartment that watches: events, statistics, metrics. It changes nothing. */
import { containerTarget } from "../containers/stats.ts";
import { ContainerEvents } from "../events/container_events.ts";
import type { ImageStore } from "../images/store.ts";
import type { ImageUsage } from "../images/usage.ts";
import { podTarget } from "../pods/stats.ts";
import type { ContainerStore } from "../state/containers.ts";
import type { SandboxStore } from "../state/sandboxes.ts";
import type { ReadFile } from "../stats/cgroup_files.ts";
import { Sampler, type Target } from "../stats/sampler.ts";

/** What is watched, and with what. */
export interface Watched {
  readonly sandboxes: SandboxStore;
  readonly containers: ContainerStore;
  readonly images: ImageStore;
  readonly usage: ImageUsage;
  readonly readFile: ReadFile;
  nowNs(): bigint;
}

export interface Observers {
  readonly events: ContainerEvents;
  readonly sampler: Sampler;
}

export function openObservers(watched: Watched, stopping: AbortSignal): Observers {
  return {
    events: new ContainerEvents(watched, stopping),
    sampler: openSampler(watched, stopping),
  };
}

function openSampler(watched: Watched, stopping: AbortSignal): Sampler {
  const { containers, sandboxes } = watched;
  const sampler = new Sampler(watched);
  containers.onChange((before, after) => {
    if (before !== undefined && after?.state.kind !== "running") sampler.forget(before.id);
  });
  sandboxes.onChange((before, after) => {
    if (before !== undefined && after?.state.kind !== "ready") sampler.forget(before.id);
  });
  sampler.start(() => targets(watched), stopping);
  return sampler;
}

function* targets({ containers, sandboxes }: Watched): Generator<Target> {
  for (const container of containers.values()) {
    const target = containerTarget(container);
    if (target !== undefined) yield target;
  }
  for (const pod of sandboxes.values()) {
    const target = podTarget(pod);
    if (target !== undefined) yield target;
  }
}
