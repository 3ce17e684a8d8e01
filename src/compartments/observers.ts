/** The part of the server compartment that watches: events, statistics, metrics. It changes nothing. */
import { ContainerEvents } from "../events/container_events.ts";
import type { ImageStore } from "../images/store.ts";
import type { ContainerStore } from "../state/containers.ts";
import type { SandboxStore } from "../state/sandboxes.ts";

/** What is watched, and with what. */
export interface Watched {
  readonly sandboxes: SandboxStore;
  readonly containers: ContainerStore;
  readonly images: ImageStore;
  nowNs(): bigint;
}

export interface Observers {
  readonly events: ContainerEvents;
}

export function openObservers(watched: Watched, stopping: AbortSignal): Observers {
  return {
    events: new ContainerEvents(watched, stopping),
  };
}
