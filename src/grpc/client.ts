/** gRPC calls as a client makes them, on one connection. */
import { concat } from "../base/concat.ts";
import { type CallSink, ClientCall } from "./client_call.ts";
import { Connection } from "./connection.ts";
import { headerBlock, type HeaderField } from "./hpack.ts";
import type { Wire } from "./outbox.ts";
import { formatTimeout } from "./timeout.ts";

export interface GrpcClientOptions {
  /** Of one answer. */
  readonly maxMessageBytes: number;
  /** Sent with each call. */
  readonly metadata?: readonly HeaderField[];
  /** What one call may send ahead of its reader; 4 MiB if left out. */
  readonly streamWindow?: number;
  /** The server is there. */
  onReady(): void;
  /** No new calls can be made; those under way go on. */
  onDraining(): void;
  /** The connection is gone. */
  onEnd(reason: string): void;
}

export interface CallOptions {
  /** `/containerd.services.tasks.v1.Tasks/Create` */
  readonly path: string;
  /** In milliseconds; 0: none. */
  readonly timeoutMs: number;
  readonly metadata?: readonly HeaderField[];
}

/** Lists and blobs come in large messages: one window holds several of them. */
const STREAM_WINDOW = 4 * 1024 * 1024;

export class GrpcClient {
  readonly #connection: Connection;
  readonly #maxMessageBytes: number;
  readonly #common: Uint8Array;
  /** The headers that all calls of a method have. */
  readonly #headers = new Map<string, Uint8Array>();

  constructor(wire: Wire, options: GrpcClientOptions) {
    const { maxMessageBytes, metadata = [], streamWindow = STREAM_WINDOW } = options;
    const { onReady, onDraining, onEnd } = options;
    this.#maxMessageBytes = maxMessageBytes;
    this.#common = headerBlock(
      [":authority", "localhost"],
      ["te", "trailers"],
      ["content-type", "application/grpc"],
      ...metadata,
    );
    this.#connection = new Connection(wire, {
      role: "client",
      streamWindow,
      maxStreams: 0,
      onStream: () => undefined,
      onReady,
      onDraining,
      onIdle: () => {},
      onEnd,
    });
  }

  /** Whether a call can be made now. */
  get isOpen(): boolean {
    return this.#connection.isOpen;
  }

  /** Whether no call can ever be made again. */
  get isOver(): boolean {
    return this.#connection.isDraining;
  }

  /** Begins a call; its messages are sent by the call's own methods. */
  call({ path, timeoutMs, metadata }: CallOptions, sink: CallSink): ClientCall {
    const blocks = [this.#headersOf(path)];
    if (timeoutMs > 0) blocks.push(headerBlock(["grpc-timeout", formatTimeout(timeoutMs)]));
    if (metadata !== undefined) blocks.push(headerBlock(...metadata));
    const call = new ClientCall({ timeoutMs, sink, maxMessageBytes: this.#maxMessageBytes });
    call.begin(this.#connection.open(concat(blocks), call));
    return call;
  }

  /** Ends the calls under way as lost. */
  async close(reason: string): Promise<void> {
    await this.#connection.close(reason);
  }

  #headersOf(path: string): Uint8Array {
    let block = this.#headers.get(path);
    if (block === undefined) {
      const own = headerBlock([":method", "POST"], [":scheme", "http"], [":path", path]);
      block = concat([own, this.#common]);
      this.#headers.set(path, block);
    }
    return block;
  }
}
