/**
 * gRPC calls as a server has them: one message in, one message or a stream of them out
 * (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). No RPC of the CRI sends more.
 */
import { Connection } from "./connection.ts";
import type { Wire } from "./outbox.ts";
import { ServerCall } from "./server_call.ts";

/** Answers a call, by its methods; nothing may be thrown. */
export type Handler = (call: ServerCall) => void;

export interface GrpcServerOptions {
  /** By path: `/runtime.v1.RuntimeService/Version`. */
  readonly handlers: ReadonlyMap<string, Handler>;
  readonly maxMessageBytes: number;
}

/** Room for a request on its way. */
const STREAM_WINDOW = 256 * 1024;

/** Calls that one connection may have in progress, also those that it has broken off. */
const MAX_CALLS = 1_000;

/** Above this, those that have nothing to do are closed; their clients connect again when they have. */
const MAX_CONNECTIONS = 2_000;

interface Peer {
  readonly connection: Connection;
  calls: number;
}

export class GrpcServer {
  readonly #options: GrpcServerOptions;
  /** Those that have waited longest stand first. */
  readonly #peers = new Set<Peer>();
  #isDraining = false;
  #whenIdle: (() => void) | undefined;

  constructor(options: GrpcServerOptions) {
    this.#options = options;
  }

  /** Serves a connection until either side ends it. */
  accept(wire: Wire): void {
    const connection: Connection = new Connection(wire, {
      role: "server",
      streamWindow: STREAM_WINDOW,
      maxStreams: MAX_CALLS,
      onStream: (stream) => {
        if (peer.calls >= MAX_CALLS) return undefined;
        peer.calls++;
        this.#peers.delete(peer);
        this.#peers.add(peer);
        return new ServerCall({
          ...this.#options,
          stream,
          backlog: connection.backlog,
          onOver: () => this.#callOver(peer),
        });
      },
      onReady: () => {},
      onDraining: () => {},
      onIdle: () => this.#settle(),
      onEnd: () => {
        this.#peers.delete(peer);
        this.#settle();
      },
    });
    const peer: Peer = { connection, calls: 0 };
    this.#peers.add(peer);
    if (this.#isDraining) connection.goAway();
    if (this.#peers.size > MAX_CONNECTIONS) this.#closeIdle();
  }

  /** Takes no more calls. Resolves when those in progress have ended. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#whenIdle = resolve;
    for (const { connection } of this.#peers) connection.goAway();
    this.#settle();
    await promise;
  }

  /** Ends all connections, once what has been answered is written. */
  async close(): Promise<void> {
    const reason = "the server is stopping";
    await Promise.all([...this.#peers].map(({ connection }) => connection.close(reason)));
  }

  #callOver(peer: Peer): void {
    peer.calls--;
    this.#settle();
  }

  #settle(): void {
    if (!this.#isDraining) return;
    if ([...this.#peers].every(isIdle)) this.#whenIdle?.();
  }

  #closeIdle(): void {
    const { connection } = [...this.#peers].find(isIdle) ?? {};
    connection?.goAway();
    void connection?.close("there are too many connections");
  }
}

/** Neither is anything being done for it, nor has it answers to come. */
function isIdle({ connection, calls }: Peer): boolean {
  return calls === 0 && connection.isIdle;
}
