/** GetContainerEvents as the kubelet's evented PLEG reads it. */
import {
  ContainerEventResponse,
  ContainerEventType,
  GetEventsRequest,
  RuntimeServiceDefinition,
} from "../../src/gen/cri/v1/api.ts";
import type { ClientCall } from "../../src/grpc/client_call.ts";
import { StatusError } from "../../src/grpc/status.ts";
import { UnixClient } from "../../src/grpc/unix_client.ts";

/** So little that a subscriber who hangs holds the daemon with its first event. */
const STREAM_WINDOW = 256;
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** A subscription to one daemon's events. */
export class EventStream implements Disposable {
  readonly received: ContainerEventResponse[] = [];
  /** The stream's end, with the daemon's code and words. */
  readonly ended: Promise<{ code: number; details: string }>;
  readonly #client: UnixClient;
  readonly #begun = Promise.withResolvers<void>();
  #call: ClientCall | undefined;

  private constructor(listen: string) {
    this.#client = new UnixClient(listen, {
      maxMessageBytes: MAX_MESSAGE_BYTES,
      streamWindow: STREAM_WINDOW,
    });
    this.ended = this.#client.stream({
      path: `/${RuntimeServiceDefinition.fullName}/GetContainerEvents`,
      message: GetEventsRequest.encode({}).finish(),
    }, {
      begun: this.#begun.resolve,
      message: (bytes) => this.received.push(ContainerEventResponse.decode(bytes)),
    }, (call) => this.#call = call).then(() => ({ code: 0, details: "" }), (error) => {
      if (error instanceof StatusError) return error;
      throw error;
    });
  }

  /** Subscribes, and waits until the daemon has said that it tells. */
  static async open(listen: string): Promise<EventStream> {
    const stream = new EventStream(listen);
    await stream.#begun.promise;
    return stream;
  }

  /** Takes nothing more off the wire, as a subscriber that hangs. */
  pause(): void {
    this.#call?.pause();
  }

  /** The events so far: "STARTED" and whose. */
  get told(): string[] {
    return this.received.map(({ containerEventType, containerId }) => {
      const type = ContainerEventType[containerEventType] ?? "?";
      return `${type.replace(/^CONTAINER_(.*)_EVENT$/, "$1")} ${containerId}`;
    });
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}
