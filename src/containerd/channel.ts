/**
 * The connection to containerd: gRPC over its unix socket. Calls use grpc-js's channel directly and
 * not its client class, which captures stack traces and wraps a stream around every call.
 */
import * as grpc from "@grpc/grpc-js";
import { CriError } from "../base/errors.ts";
import { elapsedMs, logger } from "../base/log.ts";
import { callAborted, callFailed, downRemedy } from "./errors.ts";
import { GRPC_OPTIONS } from "./grpc_options.ts";
import { Inbox } from "./inbox.ts";
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

type WireCall = ReturnType<grpc.Channel["createCall"]>;
type WireSession = Session<grpc.Channel>;

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
/** After this the session knows that its connection broke. */
const LOSS_SHOWS_MS = 10;
/** Messages of a stream read ahead. */
const READ_AHEAD = 16;
const log = logger("containerd");

/** One containerd in one namespace; it connects at once and again whenever the connection breaks. */
export class Channel {
  readonly #address: string;
  readonly #sessions: WireSession[];
  readonly #metadata = new grpc.Metadata();
  readonly #live = new Set<WireCall>();
  #turn = 0;
  #isClosed = false;

  constructor(options: ChannelOptions) {
    this.#address = options.address;
    this.#metadata.set("containerd-namespace", options.namespace);
    this.#sessions = Array.from({ length: options.sessions ?? 1 }, () => {
      const credentials = grpc.credentials.createInsecure();
      const wire = new grpc.Channel(`unix:${options.address}`, credentials, GRPC_OPTIONS);
      return new Session(wire, options.address);
    });
    this.onConnection((state) => {
      if (state.state === "ready") log.info("Connected to {address}", { address: this.#address });
      else log.warn("Not connected to containerd: {reason}", { reason: state.reason });
    });
  }

  /** One request, one answer. */
  async unary<Q, S>(rpc: Rpc<Q, S>, request: Q, options?: CallOptions): Promise<S> {
    const asked = ask(rpc, request, options);
    const session = this.#nextSession();
    if (!session.isReady()) await this.#ready(session, asked);
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
    call.startRead();
    call.sendMessageWithContext({}, rpc.encode(request));
    call.halfClose();
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
      send: (request) => wire.call?.sendMessageWithContext({}, rpc.encode(request)),
      receive: async (timeoutMs) => {
        const timer = setTimeout(() => {
          const details = `no answer from containerd within ${timeoutMs / 1000} s`;
          wire.call?.cancelWithStatus(grpc.status.DEADLINE_EXCEEDED, details);
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
    return this.#sessions.every((session) => session.isReady());
  }

  connection(): ConnectionState {
    for (const session of this.#sessions) {
      const state = session.state();
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
      call.cancelWithStatus(grpc.status.CANCELLED, "the connection to containerd is being closed");
    }
    for (const session of this.#sessions) session.close();
  }

  #nextSession(): WireSession {
    this.#turn = (this.#turn + 1) % this.#sessions.length;
    const session = this.#sessions[this.#turn];
    if (session === undefined) throw new CriError("internal", "A channel needs a session");
    return session;
  }

  #stream<Q, S>(rpc: Rpc<Q, S>, request: Q, asked: Asked & { staysOpen?: boolean }) {
    const wire: { call?: WireCall; isCancelled: boolean } = { isCancelled: false };
    const inbox = new Inbox<S>({
      limit: READ_AHEAD,
      more: () => wire.call?.startRead(),
      cancel: () => {
        wire.isCancelled = true;
        wire.call?.cancelWithStatus(grpc.status.CANCELLED, "no longer wanted");
      },
    });
    const open = async () => {
      const session = this.#nextSession();
      if (!session.isReady()) await this.#ready(session, asked);
      if (wire.isCancelled) return;
      const call = this.#start(session, asked, {
        message: (bytes) => inbox.push(rpc.decode(bytes)),
        end: (error) => inbox.end(error),
      });
      wire.call = call;
      call.startRead();
      call.sendMessageWithContext({}, rpc.encode(request));
      if (asked.staysOpen !== true) call.halfClose();
    };
    open().catch((error) => inbox.end(error));
    return { inbox, wire };
  }

  #start(session: WireSession, asked: Asked, sink: Sink): WireCall {
    this.#check(asked);
    const { path, timeoutMs, signal, leaseId } = asked;
    const deadline = timeoutMs > 0 ? Date.now() + timeoutMs : Infinity;
    const call = session.channel.createCall(path, deadline, null, null, null);
    const onAbort = () => call.cancelWithStatus(grpc.status.CANCELLED, "aborted");
    signal?.addEventListener("abort", onAbort, { once: true });
    const losses = session.losses();
    const started = performance.now();
    this.#live.add(call);
    const observed = observeCall(path, timeoutMs);
    call.start(this.#metadataFor(leaseId, observed.traceparent), {
      onReceiveMetadata: () => {},
      onReceiveMessage: (bytes: Uint8Array) => {
        try {
          sink.message(bytes);
        } catch (cause) {
          call.cancelWithStatus(grpc.status.INTERNAL, `containerd's answer is broken: ${cause}`);
        }
      },
      onReceiveStatus: (status) => {
        signal?.removeEventListener("abort", onAbort);
        this.#live.delete(call);
        observed.ended(grpc.status[status.code] ?? "UNKNOWN");
        // On the way of every call: nothing is built when nobody listens.
        if (log.isEnabledFor("debug")) {
          log.debug("containerd took {ms} ms to {action}", {
            ms: elapsedMs(started),
            action: asked.action(),
          });
        }
        if (status.code === grpc.status.OK) return sink.end(undefined);
        const { code, details } = status;
        const isLate = Date.now() >= deadline;
        const fail = () => {
          const isDown = !session.isReady() || session.losses() !== losses;
          const downAddress = isDown ? this.#address : undefined;
          const isClosed = this.#isClosed;
          const action = asked.action();
          sink.end(callFailed({ ...asked, action, code, details, isLate, isClosed, downAddress }));
        };
        // A broken connection is told to its calls first, as INTERNAL, and to its session then.
        if (code === grpc.status.INTERNAL) setTimeout(fail, LOSS_SHOWS_MS);
        else fail();
      },
    });
    return call;
  }

  #metadataFor(leaseId: string | undefined, traceparent: string | undefined): grpc.Metadata {
    if (leaseId === undefined && traceparent === undefined) return this.#metadata;
    const metadata = this.#metadata.clone();
    if (leaseId !== undefined) metadata.set("containerd-lease", leaseId);
    if (traceparent !== undefined) metadata.set("traceparent", traceparent);
    return metadata;
  }

  #check({ signal, action }: Asked): void {
    if (signal?.aborted === true) throw callAborted(action(), signal);
    if (!this.#isClosed) return;
    throw new CriError("unavailable", `Cannot ${action()}: the connection to containerd is closed`);
  }

  /** Waits a little for a connection that is down: containerd may just be restarting. */
  async #ready(session: WireSession, asked: Asked): Promise<void> {
    this.#check(asked);
    await session.waitReady(READY_WAIT_MS, asked.signal);
    this.#check(asked);
    // After a failed try the call itself fails at once, and tells what the try met with.
    if (session.isReady() || session.hasFailed()) return;
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

function noAnswer(asked: Asked): CriError {
  return new CriError("internal", `Cannot ${asked.action()}: containerd ended the call`);
}
