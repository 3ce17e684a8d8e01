/** The connection to containerd: gRPC over its unix socket. */
import { CriError } from "../base/errors.ts";
import { elapsedMs, logger } from "../base/log.ts";
import type { ClientCall } from "../grpc/client_call.ts";
import type { HeaderField } from "../grpc/hpack.ts";
import { Inbox } from "../grpc/inbox.ts";
import { CODE, codeName, type Status } from "../grpc/status.ts";
import { callAborted, callFailed, downRemedy } from "./errors.ts";
import { observeCall } from "./observed_call.ts";
import type { Rpc } from "./rpc.ts";
import { type ConnectionState, Session } from "./session.ts";

export type { ConnectionState } from "./session.ts";

export interface CallOptions {
  /** Ends the call; it throws `deadlineExceeded` for a timeout signal, else `cancelled`. */
  signal?: AbortSignal;
  /** Instead of the call's own limit; 0: none. */
  timeoutMs?: number;
  /** What the call makes belongs to this lease. */
  leaseId?: string;
}

/** A call with messages in both directions. */
export interface BidiCall<Q, S> {
  /** Sends one more message; bound what is under way by waiting for answers. */
  send(request: Q): void;
  /** The next answer. @throws deadlineExceeded when it doesn't come in time */
  receive(timeoutMs: number): Promise<S>;
  cancel(): void;
}

/** What the services need of a {@link Channel}. */
export type Calls = Pick<Channel, "unary" | "serverStream" | "bidi" | "isReady">;

export interface ChannelOptions {
  /** Path of the unix socket. */
  address: string;
  namespace: string;
  /** HTTP/2 sessions that calls take turns on, 1 if left out. */
  sessions?: number;
}

/** A call before it has a place on the wire. */
interface Asked {
  readonly path: string;
  /** For error messages. */
  action(): string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly leaseId: string | undefined;
}

/** Where the answers of a call go. */
interface Sink {
  message(bytes: Uint8Array): void;
  end(error: CriError | undefined): void;
}

const READY_WAIT_MS = 2_000;
/** Messages of a stream read ahead. */
const READ_AHEAD = 16;
const log = logger("containerd");

/** One containerd in one namespace; it connects at once and again whenever the connection breaks. */
export class Channel {
  readonly #address: string;
  readonly #sessions: Session[];
  readonly #live = new Set<ClientCall>();
  #turn = 0;
  #isClosed = false;

  constructor({ address, namespace, sessions = 1 }: ChannelOptions) {
    this.#address = address;
    this.#sessions = Array.from({ length: sessions }, () => new Session({ address, namespace }));
    this.onConnection((state) => {
      if (state.state === "ready") log.info("Connected to {address}", { address: this.#address });
      else log.warn("Not connected to containerd: {reason}", { reason: state.reason });
    });
  }

  /** One request, one answer. */
  async unary<Q, S>(rpc: Rpc<Q, S>, request: Q, options?: CallOptions): Promise<S> {
    const asked = ask(rpc, request, options);
    const session = this.#nextSession();
    if (!session.isReady) await this.#ready(session, asked);
    const { promise, resolve, reject } = Promise.withResolvers<S>();
    let answer: { message: S } | undefined;
    const call = this.#start(session, asked, {
      message: (bytes) => answer = { message: rpc.decode(bytes) },
      end: (error) => {
        if (error !== undefined) reject(error);
        else if (answer !== undefined) resolve(answer.message);
        else reject(noAnswer(asked));
      },
    });
    call?.send(rpc.encode(request));
    call?.halfClose();
    return await promise;
  }

  /** One request, many answers; it is sent at once, the answers wait for the reader. */
  serverStream<Q, S>(
    rpc: Rpc<Q, S>,
    request: Q,
    options?: CallOptions,
  ): AsyncIterableIterator<S> {
    return this.#stream(rpc, request, ask(rpc, request, options)).inbox;
  }

  /** Many requests, many answers; send more only after the first answer has come. */
  bidi<Q, S>(rpc: Rpc<Q, S>, first: Q, options?: CallOptions): BidiCall<Q, S> {
    const asked = ask(rpc, first, options);
    const { inbox, wire } = this.#stream(rpc, first, { ...asked, staysOpen: true });
    return {
      send: (request) => wire.call?.send(rpc.encode(request)),
      receive: async (timeoutMs) => {
        const timer = setTimeout(() => {
          const details = `no answer from containerd within ${timeoutMs / 1000} s`;
          wire.call?.cancel(CODE.deadlineExceeded, details);
        }, timeoutMs);
        try {
          const { done, value } = await inbox.next();
          if (done === true) throw noAnswer(asked);
          return value;
        } finally {
          clearTimeout(timer);
        }
      },
      cancel: () => void inbox.return(),
    };
  }

  /** Whether a call would find a connection now. */
  isReady(): boolean {
    return this.#sessions.every((session) => session.isReady);
  }

  connection(): ConnectionState {
    for (const session of this.#sessions) {
      const { state } = session;
      if (state.state !== "ready") return state;
    }
    return { state: "ready" };
  }

  onConnection(listener: (state: ConnectionState) => void): () => void {
    const stops = this.#sessions.map((session) => session.onChange(listener));
    return () => stops.forEach((stop) => stop());
  }

  /** Ends every call under way, with `cancelled`. */
  close(): void {
    this.#isClosed = true;
    for (const call of this.#live) {
      call.cancel(CODE.cancelled, "the connection to containerd is being closed");
    }
    for (const session of this.#sessions) session.close();
  }

  #nextSession(): Session {
    this.#turn = (this.#turn + 1) % this.#sessions.length;
    const session = this.#sessions[this.#turn];
    if (session === undefined) throw new CriError("internal", "A channel needs a session");
    return session;
  }

  #stream<Q, S>(rpc: Rpc<Q, S>, request: Q, asked: Asked & { staysOpen?: boolean }) {
    const wire: { call?: ClientCall | undefined; isCancelled: boolean } = { isCancelled: false };
    const inbox = new Inbox<S>({
      limit: READ_AHEAD,
      pause: () => wire.call?.pause(),
      resume: () => wire.call?.resume(),
      cancel: () => {
        wire.isCancelled = true;
        wire.call?.cancel(CODE.cancelled, "no longer wanted");
      },
    });
    const open = async () => {
      const session = this.#nextSession();
      if (!session.isReady) await this.#ready(session, asked);
      if (wire.isCancelled) return;
      const call = this.#start(session, asked, {
        message: (bytes) => inbox.push(rpc.decode(bytes)),
        end: (error) => inbox.end(error),
      });
      wire.call = call;
      call?.send(rpc.encode(request));
      if (asked.staysOpen !== true) call?.halfClose();
    };
    open().catch((error) => inbox.end(error));
    return { inbox, wire };
  }

  /** Undefined without a connection, which the sink has been told then. */
  #start(session: Session, asked: Asked, sink: Sink): ClientCall | undefined {
    this.#check(asked);
    const { path, timeoutMs, signal } = asked;
    const losses = session.losses;
    const started = performance.now();
    const observed = observeCall(path, timeoutMs);
    const onEnd = (status: Status) => {
      observed.ended(codeName(status.code));
      // On the way of every call: nothing is built when nobody listens.
      if (log.isEnabledFor("debug")) {
        log.debug("containerd took {ms} ms to {action}", {
          ms: elapsedMs(started),
          action: asked.action(),
        });
      }
      if (status.code === CODE.ok) return sink.end(undefined);
      const isDown = !session.isReady || session.losses !== losses;
      sink.end(this.#failure(asked, status, { isDown, started }));
    };
    const metadata = metadataOf(asked.leaseId, observed.traceparent);
    const { client } = session;
    if (client === undefined) {
      onEnd({ code: CODE.unavailable, details: session.reason });
      return undefined;
    }
    const call: ClientCall = client.call({ path, timeoutMs, metadata }, {
      message: sink.message,
      end: (status) => {
        signal?.removeEventListener("abort", onAbort);
        this.#live.delete(call);
        onEnd(status);
      },
    });
    const onAbort = () => call.cancel(CODE.cancelled, "aborted");
    signal?.addEventListener("abort", onAbort, { once: true });
    this.#live.add(call);
    return call;
  }

  #failure(
    asked: Asked,
    { code, details }: Status,
    { isDown, started }: { isDown: boolean; started: number },
  ): CriError {
    return callFailed({
      ...asked,
      action: asked.action(),
      code,
      details,
      isLate: Math.ceil(performance.now() - started) >= asked.timeoutMs,
      isClosed: this.#isClosed,
      downAddress: isDown ? this.#address : undefined,
    });
  }

  #check({ signal, action }: Asked): void {
    if (signal?.aborted === true) throw callAborted(action(), signal);
    if (!this.#isClosed) return;
    throw new CriError("unavailable", `Cannot ${action()}: the connection to containerd is closed`);
  }

  /** Waits a little for a connection that is down: containerd may just be restarting. */
  async #ready(session: Session, asked: Asked): Promise<void> {
    this.#check(asked);
    await session.waitReady(READY_WAIT_MS, asked.signal);
    this.#check(asked);
    // After a failed try the call itself fails at once, and tells what the try met with.
    if (session.isReady || session.hasFailed) return;
    const message = `Cannot ${asked.action()}: containerd doesn't answer`;
    throw new CriError("unavailable", message, { remedy: downRemedy(this.#address) });
  }
}

function ask<Q, S>(rpc: Rpc<Q, S>, request: Q, options: CallOptions | undefined): Asked {
  return {
    path: rpc.path,
    action: () => rpc.action(request),
    timeoutMs: options?.timeoutMs ?? rpc.timeoutMs,
    signal: options?.signal,
    leaseId: options?.leaseId,
  };
}

function metadataOf(
  leaseId: string | undefined,
  traceparent: string | undefined,
): HeaderField[] {
  const fields: HeaderField[] = [];
  if (leaseId !== undefined) fields.push(["containerd-lease", leaseId]);
  if (traceparent !== undefined) fields.push(["traceparent", traceparent]);
  return fields;
}

function noAnswer(asked: Asked): CriError {
  return new CriError("internal", `Cannot ${asked.action()}: containerd ended the call`);
}
