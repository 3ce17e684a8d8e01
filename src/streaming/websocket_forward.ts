/**
 * Port-forward over a plain WebSocket: one connection for each port that the request names, on
 * channels 0, 2, 4, … for data, with those in between for errors.
 */
import { ChunkQueue } from "./chunk_queue.ts";
import { HIGH_WATER_BYTES, LOW_WATER_BYTES } from "./command_client.ts";
import type { ForwardChannel } from "./forward_channel.ts";
import type { WebSocketConnection } from "./websocket.ts";
import { WebSocketChannels } from "./websocket_channels.ts";

export interface WebSocketForwards {
  readonly isBase64: boolean;
  readonly ports: readonly number[];
  open(channel: ForwardChannel): void;
}

/** Serves a client's connections until it is gone, or all of them have ended. */
export async function serveWebSocketForwards(
  socket: WebSocketConnection,
  { isBase64, ports, open }: WebSocketForwards,
): Promise<void> {
  const channels = new WebSocketChannels(socket, isBase64);
  const left = new Set<WebSocketForward>();
  const forwards = ports.map((port, at) => {
    const over = () => {
      left.delete(forward);
      if (left.size === 0) void socket.end();
    };
    const forward: WebSocketForward = new WebSocketForward(channels, { port, at, over });
    return forward;
  });
  for (const forward of forwards) {
    left.add(forward);
    open(forward);
  }
  if (forwards.length === 0) void socket.end();
  const lost = () => forwards.forEach((forward) => forward.lost());
  void socket.wire.closed.then(lost);
  try {
    for await (const { channel, chunk } of channels.pieces()) {
      // What comes on a channel for errors says nothing.
      if (channel % 2 === 0) await forwards[channel / 2]?.incoming.push(chunk);
    }
  } finally {
    lost();
  }
}

class WebSocketForward implements ForwardChannel {
  readonly port: number;
  readonly incoming = new ChunkQueue();
  readonly #channels: WebSocketChannels;
  readonly #channel: number;
  readonly #over: () => void;
  readonly #reset = Promise.withResolvers<void>();
  isReset = false;

  constructor(channels: WebSocketChannels, o: { port: number; at: number; over: () => void }) {
    this.port = o.port;
    this.#channels = channels;
    this.#channel = o.at * 2;
    this.#over = o.over;
    // Each channel begins with the port, so that clients know which is which.
    const port = new DataView(new ArrayBuffer(2));
    port.setUint16(0, o.port, true);
    for (const channel of [this.#channel, this.#channel + 1]) {
      channels.send(channel, new Uint8Array(port.buffer));
    }
  }

  get wasReset(): Promise<void> {
    return this.#reset.promise;
  }

  take(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.incoming.take();
  }

  refuse(): void {
    this.incoming.drop();
  }

  send(chunk: Uint8Array): boolean {
    this.#channels.send(this.#channel, chunk);
    return this.#channels.socket.wire.pendingBytes < HIGH_WATER_BYTES;
  }

  drained(): Promise<void> {
    return this.#channels.socket.wire.drained(LOW_WATER_BYTES);
  }

  /** This protocol has no half-closed connections: the pod's end is the end. */
  end(): void {
    this.incoming.drop();
  }

  finish(message?: string): void {
    if (message !== undefined) {
      this.#channels.send(this.#channel + 1, new TextEncoder().encode(message));
    }
    this.incoming.drop();
    this.#over();
  }

  reset(): void {
    this.lost();
  }

  /** The client has gone, or the connection broke. */
  lost(): void {
    this.isReset = true;
    this.incoming.drop();
    this.#reset.resolve();
  }
}
