/**
 * containerd's event stream: exits and changes of images reach the domain. An event can be lost, with
 * the connection or with its shim, so after each new connection everything that should run is asked.
 */
import type { ContainerId, SandboxId } from "../base/id.ts";
import { logger } from "../base/log.ts";
import { pause } from "../base/pause.ts";
import type { Containerd } from "../containerd/client.ts";
import type { ContainerdEvent } from "../containerd/events.ts";
import type { Exit } from "../containerd/tasks.ts";
import type { ContainerStore } from "../state/containers.ts";
import type { SandboxStore } from "../state/sandboxes.ts";

const log = logger("events");

/** Between two tries to subscribe. */
const RETRY_MS = 250;

/** An exit that couldn't be recorded is tried again, each time after twice as long. */
const EXIT_RETRY_MS = 500;
const EXIT_RETRY_MAX_MS = 60_000;

const FILTERS = [
  `topic=="/tasks/exit"`,
  `topic=="/tasks/oom"`,
  `topic~="/images/"`,
];

export interface EventDeps {
  readonly containerd: Pick<Containerd, "events">;
  readonly containers: Pick<ContainerStore, "find">;
  readonly sandboxes: Pick<SandboxStore, "find">;
  containerExited(id: ContainerId, exit: Exit): Promise<void>;
  podExited(id: SandboxId): Promise<void>;
  oomKilled(id: ContainerId): void;
  imageChanged(name: string): Promise<void>;
  /** Asks every task that should run whether it does, for exits that no event told. */
  resync(): Promise<void>;
}

/** Follows the events until the signal is aborted; subscribes again whenever the stream breaks. */
export async function followEvents(deps: EventDeps, signal: AbortSignal): Promise<void> {
  let isFirst = true;
  while (!signal.aborted) {
    try {
      const events = deps.containerd.events.subscribe(FILTERS, signal);
      // The first subscription begins before recovery, which asks every task itself.
      if (!isFirst) retry("ask every task again", () => deps.resync(), signal);
      isFirst = false;
      for await (const event of events) handle(deps, event, signal);
    } catch (error) {
      if (signal.aborted) return;
      log.warn("containerd's events broke off and are asked for again: {error}", { error });
    }
    await pause(RETRY_MS, signal);
  }
}

function handle(deps: EventDeps, event: ContainerdEvent, signal: AbortSignal): void {
  switch (event.kind) {
    case "taskExit":
      if (event.execId === "" || event.execId === event.containerId) exited(deps, event, signal);
      break;
    case "taskOom":
      oomKilled(deps, event.containerId);
      break;
    case "imageCreate":
    case "imageUpdate":
    case "imageDelete":
      retry(`see image ${event.name}`, () => deps.imageChanged(event.name), signal);
      break;
  }
}

function exited(
  deps: EventDeps,
  event: Extract<ContainerdEvent, { kind: "taskExit" }>,
  signal: AbortSignal,
): void {
  const container = deps.containers.find(event.containerId)?.id;
  const pod = deps.sandboxes.find(event.containerId)?.id;
  if (container !== undefined) {
    const record = () => deps.containerExited(container, event);
    retry(`record the exit of ${container}`, record, signal);
  } else if (pod !== undefined) {
    retry(`record the end of pod ${pod}`, () => deps.podExited(pod), signal);
  }
}

function oomKilled(deps: EventDeps, id: string): void {
  const container = deps.containers.find(id);
  // Of one that has ended the kernel's own count told it already.
  if (container?.state.kind === "running") deps.oomKilled(container.id);
}

/** Does it now, and again with growing pauses while it fails. Events don't wait for one another. */
async function retry(
  what: string,
  work: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  for (
    let waitMs = EXIT_RETRY_MS;
    !signal.aborted;
    waitMs = Math.min(waitMs * 2, EXIT_RETRY_MAX_MS)
  ) {
    try {
      return await work();
    } catch (error) {
      log.warn("Cannot {what}, trying again: {error}", { what, error });
    }
    await pause(waitMs, signal);
  }
}
