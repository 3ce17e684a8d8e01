/** GetContainerEvents as the kubelet's evented PLEG reads it. */
import { Buffer } from "node:buffer";
import { Client, credentials } from "@grpc/grpc-js";
import {
  ContainerEventResponse,
  ContainerEventType,
  GetEventsRequest,
  RuntimeServiceDefinition,
} from "../../src/gen/cri/v1/api.ts";

/** A subscription to one daemon's events. */
export class EventStream implements Disposable {
  readonly received: ContainerEventResponse[] = [];
  /** The stream's end, with grpc-js's error. */
  readonly ended: Promise<{ code: number; details: string }>;
  readonly #client: Client;
  readonly #call: ReturnType<Client["makeServerStreamRequest"]>;

  private constructor(listen: string) {
    this.#client = new Client(`unix:${listen}`, credentials.createInsecure());
    this.#call = this.#client.makeServerStreamRequest(
      `/${RuntimeServiceDefinition.fullName}/GetContainerEvents`,
      () => Buffer.from(GetEventsRequest.encode({}).finish()),
      (bytes: Buffer) => ContainerEventResponse.decode(bytes),
      {},
    );
    this.#call.on("data", (event: ContainerEventResponse) => this.received.push(event));
    const { promise, resolve } = Promise.withResolvers<{ code: number; details: string }>();
    this.#call.on("error", () => {});
    this.#call.on("status", resolve);
    this.ended = promise;
  }

  /** Subscribes, and waits until the daemon has said that it tells. */
  static async open(listen: string): Promise<EventStream> {
    const stream = new EventStream(listen);
    const { promise, resolve } = Promise.withResolvers<void>();
    stream.#call.once("metadata", () => resolve());
    await promise;
    return stream;
  }

  /** Takes nothing more off the wire, as a subscriber that hangs. */
  pause(): void {
    this.#call.pause();
  }

  /** The events so far: "STARTED" and whose. */
  get told(): string[] {
    return this.received.map(({ containerEventType, containerId }) => {
      const type = ContainerEventType[containerEventType] ?? "?";
      return `${type.replace(/^CONTAINER_(.*)_EVENT$/, "$1")} ${containerId}`;
    });
  }

  [Symbol.dispose](): void {
    this.#call.cancel();
    this.#client.close();
  }
}
