/** One client of a port-forward and all its connections into the pod. */
import { CriError, toCriError } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { SocketPair } from "../containers/streams.ts";
import type { LinuxIo } from "../linux/linux_io.ts";
import type { SessionContext } from "./clients.ts";
import type { ForwardChannel } from "./forward_channel.ts";
import { forwardConnection } from "./forward_connection.ts";
import { serveSpdyForwards } from "./spdy_forward.ts";
import type { Spoken } from "./upgrade.ts";
import { TunnelWire, WebSocketConnection } from "./websocket.ts";
import { serveWebSocketForwards } from "./websocket_forward.ts";
import type { Wire } from "./wire.ts";

const log = logger("streaming");

/**
 * Its sockets are made by the server compartment, which alone may enter a pod's network; this one can
 * connect a socket and can't make any.
 */
export class ForwardSession {
  readonly #io: LinuxIo;
  readonly #context: SessionContext;
  readonly #waiting = new Map<number, PromiseWithResolvers<SocketPair>>();
  readonly #connections = new Set<Promise<void>>();
  #lastId = 0;
  #isOver = false;

  constructor(io: LinuxIo, context: SessionContext) {
    this.#io = io;
    this.#context = context;
  }

  /** Serves the client until it is gone and all its connections are closed. */
  async run(wire: Wire, spoken: Spoken, ports: readonly number[]): Promise<void> {
    const open = (channel: ForwardChannel) => this.#open(channel);
    try {
      if (spoken.kind === "websocket") {
        const connection = new WebSocketConnection(wire);
        await serveWebSocketForwards(connection, { ...spoken.protocol, ports, open });
      } else {
        const tunnelled = spoken.kind === "tunnel";
        const inner = tunnelled ? new TunnelWire(new WebSocketConnection(wire)) : wire;
        await serveSpdyForwards(inner, open);
      }
    } finally {
      this.#isOver = true;
      const over = new CriError("cancelled", "The client has gone");
      for (const { reject } of this.#waiting.values()) reject(over);
      await Promise.all(this.#connections);
    }
  }

  /** Sockets for a connection that was asked for; those of one that is over are closed. */
  sockets(connectionId: number, pair: SocketPair): void {
    const waiting = this.#waiting.get(connectionId);
    this.#waiting.delete(connectionId);
    if (waiting !== undefined && !this.#isOver) waiting.resolve(pair);
    else closeAll(this.#io, pair);
  }

  failed(connectionId: number, message: string): void {
    this.#waiting.get(connectionId)?.reject(new CriError("unavailable", message));
    this.#waiting.delete(connectionId);
  }

  #open(channel: ForwardChannel): void {
    const serving = this.#serve(channel);
    this.#connections.add(serving);
    void serving.then(() => this.#connections.delete(serving));
  }

  async #serve(channel: ForwardChannel): Promise<void> {
    const connectionId = ++this.#lastId;
    const waiting = Promise.withResolvers<SocketPair>();
    this.#waiting.set(connectionId, waiting);
    this.#context.progress({ kind: "connect", connectionId, port: channel.port });
    try {
      await forwardConnection(this.#io, await waiting.promise, channel);
    } catch (error) {
      if (!this.#isOver) log.info("A port-forward failed: {error}", { error });
      channel.finish(toCriError(error).message);
    }
    this.#context.progress({ kind: "closed", connectionId });
  }
}

/** Sockets that nobody wants any more. */
export function closeAll(io: Pick<LinuxIo, "closeFd">, pair: SocketPair): void {
  for (const fd of pair) if (fd !== undefined) io.closeFd(fd);
}
