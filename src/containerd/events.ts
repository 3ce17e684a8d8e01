/** containerd's event stream, decoded. */
import { ContainerDelete } from "../gen/containerd/events/container.ts";
import { ImageCreate, ImageDelete, ImageUpdate } from "../gen/containerd/events/image.ts";
import { TaskDelete, TaskExit, TaskOOM, TaskStart } from "../gen/containerd/events/task.ts";
import { EventsDefinition } from "../gen/containerd/services/events/v1/events.ts";
import type { Envelope } from "../gen/containerd/types/event.ts";
import type { Calls } from "./channel.ts";
import { NO_TIMEOUT, rpc } from "./rpc.ts";
import { toNs } from "./types.ts";

interface ProcessEnd {
  containerId: string;
  /** "" for the container's own process. */
  execId: string;
  pid: number;
  exitCode: number;
  exitedAtNs: bigint;
}

type EventFacts =
  | ({ kind: "taskExit" } & ProcessEnd)
  | ({ kind: "taskDelete" } & ProcessEnd)
  | { kind: "taskOom"; containerId: string }
  | { kind: "taskStart"; containerId: string; pid: number }
  | { kind: "containerDelete"; containerId: string }
  | { kind: "imageCreate" | "imageUpdate" | "imageDelete"; name: string }
  /** One that nobody here asks about, or that can't be decoded. */
  | { kind: "other" };

export type ContainerdEvent = EventFacts & {
  /** Such as `/tasks/exit`. */
  topic: string;
  /** When containerd took note of it. */
  atNs: bigint;
};

export interface Events {
  /**
   * Events of our namespace from now on. They are not stored: what happens while the connection is
   * down is lost, so ask again for the state of what matters after (re)subscribing. Ends with
   * `unavailable` when the connection is lost.
   *
   * @param filters of containerd's syntax, such as `topic~="^/tasks/"`; none means all
   */
  subscribe(filters: string[], signal: AbortSignal): AsyncIterable<ContainerdEvent>;
}

const SUBSCRIBE = rpc(EventsDefinition, EventsDefinition.methods.subscribe, {
  action: () => "follow containerd's events",
  timeoutMs: NO_TIMEOUT,
});

export function events(channel: Calls, namespace: string): Events {
  return {
    subscribe: (filters, signal) => {
      // The subscription begins here and not with the first read, so that nothing is missed between.
      const request = { filters: inNamespace(filters, namespace) };
      const envelopes = channel.serverStream(SUBSCRIBE, request, { signal });
      return decoded(envelopes, namespace);
    },
  };
}

/** The stream carries all namespaces: `A` becomes `A and namespace==ours`. */
export function inNamespace(filters: readonly string[], namespace: string): string[] {
  const ours = `namespace==${JSON.stringify(namespace)}`;
  return filters.length === 0 ? [ours] : filters.map((filter) => `${filter},${ours}`);
}

async function* decoded(
  envelopes: AsyncIterable<Envelope>,
  namespace: string,
): AsyncGenerator<ContainerdEvent> {
  for await (const envelope of envelopes) {
    if (envelope.namespace === namespace) yield decodeEvent(envelope);
  }
}

/** An event as containerd sends it; one that can't be decoded is `other`, never an error. */
export function decodeEvent(envelope: Envelope): ContainerdEvent {
  const common = { topic: envelope.topic, atNs: toNs(envelope.timestamp) };
  const typeUrl = envelope.event?.typeUrl ?? "";
  const decode = DECODERS.get(typeUrl.slice(typeUrl.lastIndexOf("/") + 1));
  if (decode === undefined || envelope.event === undefined) return { kind: "other", ...common };
  try {
    return { ...decode(envelope.event.value), ...common };
  } catch {
    return { kind: "other", ...common };
  }
}

/** By the last part of the type URL: full protobuf names, the same in 1.6 and 2.x. */
const DECODERS = new Map<string, (bytes: Uint8Array) => EventFacts>([
  ["containerd.events.TaskExit", (b) => ({ kind: "taskExit", ...ended(TaskExit.decode(b)) })],
  ["containerd.events.TaskDelete", (b) => ({ kind: "taskDelete", ...ended(TaskDelete.decode(b)) })],
  ["containerd.events.TaskOOM", (b) => ({
    kind: "taskOom",
    containerId: TaskOOM.decode(b).containerId,
  })],
  ["containerd.events.TaskStart", (b) => ({ kind: "taskStart", ...TaskStart.decode(b) })],
  ["containerd.events.ContainerDelete", (b) => ({
    kind: "containerDelete",
    containerId: ContainerDelete.decode(b).id,
  })],
  ["containerd.services.images.v1.ImageCreate", (b) => ({
    kind: "imageCreate",
    name: ImageCreate.decode(b).name,
  })],
  ["containerd.services.images.v1.ImageUpdate", (b) => ({
    kind: "imageUpdate",
    name: ImageUpdate.decode(b).name,
  })],
  ["containerd.services.images.v1.ImageDelete", (b) => ({
    kind: "imageDelete",
    name: ImageDelete.decode(b).name,
  })],
]);

function ended(e: TaskExit | TaskDelete): ProcessEnd {
  return {
    containerId: e.containerId,
    // Shims name the container's own process by the container's id, or not at all.
    execId: e.id === e.containerId ? "" : e.id,
    pid: e.pid,
    exitCode: e.exitStatus,
    exitedAtNs: toNs(e.exitedAt),
  };
}
