/**
 * GetContainerEvents: what happens to pods and containers, told to every subscriber in the order in
 * which it happened, with the pod as it was then.
 *
 * 1. Events come from the stores, where a change is whole and its order is settled.
 * 2. An event is put together once for all subscribers, and not at all without one.
 * 3. Nobody waits for a subscriber: one that is too slow is cut off and has to list anew, as the
 *    kubelet does after every broken stream. An event left out silently would never be missed.
 */
import { CriError } from "../base/errors.ts";
import { statusOf } from "../containers/status.ts";
import { ContainerEventResponse, ContainerEventType } from "../gen/cri/v1/api.ts";
import { type StatusDeps, toCriStatus } from "../pods/status.ts";
import type { Container } from "../state/containers.ts";
import { Encoded } from "../state/encoded.ts";
import type { Sandbox } from "../state/sandboxes.ts";
import { Subscription } from "./subscription.ts";

/** Events that may wait for one subscriber: the starts and ends of a full node, some times over. */
const MAX_WAITING = 4096;

export type ContainerEventDeps = Pick<
  StatusDeps,
  "sandboxes" | "containers" | "images" | "nowNs"
>;

type ContainerChange = [before: Container | undefined, after: Container | undefined];
type PodChange = [before: Sandbox | undefined, after: Sandbox | undefined];

export class ContainerEvents {
  readonly #deps: ContainerEventDeps;
  readonly #subscriptions = new Set<Subscription<Encoded>>();
  readonly #maxWaiting: number;

  /** @param stopping ends every subscription, so that the daemon needn't wait for its subscribers */
  constructor(deps: ContainerEventDeps, stopping: AbortSignal, maxWaiting = MAX_WAITING) {
    this.#deps = deps;
    this.#maxWaiting = maxWaiting;
    deps.containers.onChange((...change) => this.#containerChanged(change));
    deps.sandboxes.onChange((...change) => this.#podChanged(change));
    stopping.addEventListener("abort", () => {
      const error = new CriError("unavailable", "The daemon is stopping");
      for (const subscription of this.#subscriptions) subscription.end(error);
    }, { once: true });
  }

  /**
   * Everything that happens from now on, until the signal is aborted.
   *
   * @throws CriError resourceExhausted, out of the stream, for a subscriber that is too slow
   */
  subscribe(signal: AbortSignal): AsyncIterable<Encoded> {
    const subscription = new Subscription<Encoded>(this.#maxWaiting, () => {
      this.#subscriptions.delete(subscription);
    });
    this.#subscriptions.add(subscription);
    signal.addEventListener("abort", () => subscription.end(), { once: true });
    return subscription;
  }

  /** How many subscribe, and how many events wait for the slowest of them. */
  get load(): { subscribers: number; waiting: number } {
    const waiting = [...this.#subscriptions].map((one) => one.waiting);
    return { subscribers: waiting.length, waiting: Math.max(0, ...waiting) };
  }

  #containerChanged(change: ContainerChange): void {
    const [before, after] = change;
    const container = after ?? before;
    if (container === undefined || this.#subscriptions.size === 0) return;
    const pod = this.#deps.sandboxes.find(container.metadata.sandboxId);
    for (const type of containerEvents(change)) this.#tell(container.id, { type, pod });
  }

  #podChanged(change: PodChange): void {
    const [before, after] = change;
    const pod = after ?? before;
    if (pod === undefined || this.#subscriptions.size === 0) return;
    // A pod is told of as its sandbox container, which has the pod's id.
    for (const type of podEvents(change)) this.#tell(pod.id, { type, pod });
  }

  #tell(
    containerId: string,
    { type, pod }: { type: ContainerEventType; pod: Sandbox | undefined },
  ): void {
    const containers = pod === undefined ? [] : this.#deps.containers.ofPod(pod.id);
    const event = ContainerEventResponse.encode({
      containerId,
      containerEventType: type,
      createdAt: this.#deps.nowNs(),
      podSandboxStatus: pod && toCriStatus(pod),
      containersStatuses: containers.map((one) => statusOf(this.#deps, one)),
    });
    const encoded = new Encoded(event.finish());
    for (const subscription of this.#subscriptions) subscription.push(encoded);
  }
}

/** What a change of a container's record means; several things when it came to be as it is. */
function* containerEvents([before, after]: ContainerChange): Generator<ContainerEventType> {
  if (before === undefined) yield ContainerEventType.CONTAINER_CREATED_EVENT;
  if (after === undefined) yield ContainerEventType.CONTAINER_DELETED_EVENT;
  else if (after.state.kind !== before?.state.kind) {
    if (after.state.kind === "running" && before?.state.kind !== "unknown") {
      yield ContainerEventType.CONTAINER_STARTED_EVENT;
    }
    if (after.state.kind === "exited") yield ContainerEventType.CONTAINER_STOPPED_EVENT;
  }
}

/** A pod is there once it is ready, or once it has failed for good and lists show it. */
function* podEvents([before, after]: PodChange): Generator<ContainerEventType> {
  const was = before?.state.kind ?? "pending";
  const is = after?.state.kind;
  if (is === undefined) {
    if (was !== "pending") yield ContainerEventType.CONTAINER_DELETED_EVENT;
    return;
  }
  if (was === is) return;
  if (was === "pending") yield ContainerEventType.CONTAINER_CREATED_EVENT;
  yield is === "ready"
    ? ContainerEventType.CONTAINER_STARTED_EVENT
    : ContainerEventType.CONTAINER_STOPPED_EVENT;
}
