/**
 * Typed calls between compartments over a MessagePort.
 *
 * 1. An error crosses as a CriError with kind, message, remedy and leftovers.
 * 2. A caller that gives up (signal or timeout) tells the other side and then waits for its
 *    answer, at most {@link CANCEL_GRACE_MS}: who undoes a call must know that it is over.
 * 3. A port that is closed or replaced ends its calls with kind unavailable at the caller, and
 *    aborts them at the service.
 */
import { CriError, toCriError } from "../base/errors.ts";
import { activeTrace, traced } from "../base/tracing.ts";
import { type ChannelMessage, fromWire, toWire } from "./messages.ts";
import { Peer, peerOf } from "./peer.ts";

export { Peer };

/** How long a cancelled call is waited for before its caller goes on without an answer. */
export const CANCEL_GRACE_MS = 2_000;

/** What a service method gets beside its argument. */
export interface CallContext {
  /** Aborted when the caller gives up or is gone; the reason is a CriError. */
  readonly signal: AbortSignal;
  /** Tells the caller how far the call has come. Free when the caller doesn't listen. */
  progress(value: unknown): void;
  /** Marks buffers of the result to be moved instead of copied; they are empty here afterwards. */
  transfer(...buffers: Transferable[]): void;
}

/** What a caller may add to a call. */
export interface RemoteCallOptions {
  signal?: AbortSignal;
  /** After this many milliseconds the call is cancelled and fails with deadlineExceeded. */
  timeoutMs?: number;
  onProgress?: (value: unknown) => void;
  /** Buffers of the argument to be moved instead of copied; they are empty here afterwards. */
  transfer?: Transferable[];
}

/** A service as its callers see it: the context is replaced by the caller's options. */
export type Remote<S> = {
  readonly [M in keyof S]: S[M] extends (...args: infer P) => Promise<infer R> ? RemoteMethod<P, R>
    : never;
};

type RemoteMethod<P extends unknown[], R> = P extends []
  ? (arg?: undefined, options?: RemoteCallOptions) => Promise<R>
  : P extends [infer A, ...unknown[]] ? (arg: A, options?: RemoteCallOptions) => Promise<R>
  : (arg?: P[0], options?: RemoteCallOptions) => Promise<R>;

/**
 * Answers the calls that come over a port with the methods of `service`:
 * `(arg, context: CallContext) => Promise<result>`. Arguments and results must be structured
 * clonable. At most one service a port.
 */
export function serveChannel<S extends object>(port: MessagePort | Peer, service: S): void {
  const peer = peerOf(port);
  const running = new Map<number, IncomingCall>();
  peer.onLost((error) => {
    for (const call of running.values()) {
      call.isAnswerable = false;
      call.abort.abort(error);
    }
    running.clear();
  });
  peer.onMessage((message) => {
    if (message.kind === "cancel") {
      running.get(message.id)?.abort.abort(fromWire(message.reason));
    } else if (message.kind === "call") {
      const abort = new AbortController();
      const call = { ...message, peer, service, abort, isAnswerable: true };
      running.set(message.id, call);
      void answer(call).finally(() => {
        if (running.get(message.id) === call) running.delete(message.id);
      });
    }
  });
}

/** Several services as one: a method is that of the first which has it. */
export function allOf(services: readonly object[]): object {
  const all: Record<string, unknown> = Object.create(null);
  return new Proxy(all, {
    get: (_target, name) => {
      const owner = services.find((service) => name in service);
      const method: unknown = owner === undefined ? undefined : Reflect.get(owner, name);
      return typeof method === "function" ? method.bind(owner) : undefined;
    },
  });
}

type CallMessage = Extract<ChannelMessage, { kind: "call" }>;

interface IncomingCall extends Omit<CallMessage, "kind"> {
  peer: Peer;
  service: object;
  abort: AbortController;
  /** False once the port that asked is gone: ids on the new one belong to another caller. */
  isAnswerable: boolean;
}

async function answer(call: IncomingCall): Promise<void> {
  const { peer, id } = call;
  const transfer: Transferable[] = [];
  const context: CallContext = {
    signal: call.abort.signal,
    progress: (value) => {
      if (call.wantsProgress && call.isAnswerable) peer.post({ kind: "progress", id, value });
    },
    transfer: (...buffers) => void transfer.push(...buffers),
  };
  try {
    const value = await answered(call, context);
    if (call.isAnswerable) peer.post({ kind: "result", id, value }, transfer);
  } catch (error) {
    if (call.isAnswerable) peer.post({ kind: "error", id, error: toWire(error) });
  }
}

/** Below the caller's span, when there is one. */
function answered(call: IncomingCall, context: CallContext): unknown {
  const answer = () => methodOf(call.service, call.method)(call.arg, context);
  if (call.trace === undefined) return answer();
  const options = { kind: "internal", parent: call.trace } as const;
  return traced(call.method, options, async () => await answer());
}

type Method = (arg: unknown, context: CallContext) => unknown;

function methodOf(service: object, name: string): Method {
  const method: unknown = name in Object.prototype ? undefined : Reflect.get(service, name);
  if (typeof method !== "function") {
    throw new CriError("unimplemented", `The compartment has no method ${name}`);
  }
  return (arg, context) => Reflect.apply(method, service, [arg, context]);
}

/**
 * The service at the other end of a port. `name` is the service's name in error messages.
 * Give a {@link Peer} when the other compartment can be restarted.
 *
 * Its methods throw the service's CriError, deadlineExceeded after `timeoutMs`, the error of the
 * signal's reason when it is aborted, and unavailable when the port is closed or replaced.
 */
export function callChannel<S>(port: MessagePort | Peer, name: string): Remote<S> {
  const caller = new Caller(peerOf(port, name), name);
  const methods = new Map<string, (arg: unknown, options?: RemoteCallOptions) => unknown>();
  const proxy = new Proxy({}, {
    get: (_target, method) => {
      // A Remote that is awaited or returned from an async function must not look like a promise.
      if (typeof method !== "string" || method === "then") return undefined;
      let call = methods.get(method);
      if (call === undefined) {
        call = (arg, options = {}) => caller.call(method, arg, options);
        methods.set(method, call);
      }
      return call;
    },
  });
  // The two ends are compiled together: the service's type is what the other end implements.
  return proxy as Remote<S>;
}

interface PendingCall {
  settle(outcome: Outcome): void;
  progress(value: unknown): void;
}

type Outcome = { value: unknown } | { error: CriError };

class Caller {
  readonly #peer: Peer;
  readonly #name: string;
  readonly #pending = new Map<number, PendingCall>();

  constructor(peer: Peer, name: string) {
    this.#peer = peer;
    this.#name = name;
    peer.onLost((error) => {
      for (const call of [...this.#pending.values()]) call.settle({ error });
    });
    peer.onMessage((message) => {
      const call = this.#pending.get(message.id);
      if (call === undefined) return;
      if (message.kind === "result") call.settle({ value: message.value });
      else if (message.kind === "error") call.settle({ error: fromWire(message.error) });
      else if (message.kind === "progress") call.progress(message.value);
    });
  }

  async call(method: string, arg: unknown, options: RemoteCallOptions): Promise<unknown> {
    const { signal, timeoutMs, onProgress } = options;
    if (signal?.aborted) throw toCriError(signal.reason);
    const id = this.#peer.nextId();
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    let gaveUp: CriError | undefined;
    let grace: ReturnType<typeof setTimeout> | undefined;
    const giveUp = (reason: CriError) => {
      if (gaveUp !== undefined) return;
      gaveUp = reason;
      grace = setTimeout(() => resolve({ error: reason }), CANCEL_GRACE_MS);
      this.#peer.post({ kind: "cancel", id, reason: toWire(reason) });
    };
    const onAbort = () => giveUp(toCriError(signal?.reason));
    const timer = timeoutMs === undefined ? undefined : setTimeout(() => {
      const what = `${this.#name}.${method}`;
      giveUp(new CriError("deadlineExceeded", `${what} gave no answer in ${timeoutMs} ms`));
    }, timeoutMs);
    this.#pending.set(id, { settle: resolve, progress: (value) => onProgress?.(value) });
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      const wantsProgress = onProgress !== undefined;
      const trace = activeTrace();
      this.#peer.post({ kind: "call", id, method, arg, wantsProgress, trace }, options.transfer);
      const outcome = await promise;
      if ("value" in outcome) return outcome.value;
      throw gaveUp ?? outcome.error;
    } catch (error) {
      throw toCriError(error);
    } finally {
      clearTimeout(timer);
      clearTimeout(grace);
      signal?.removeEventListener("abort", onAbort);
      this.#pending.delete(id);
    }
  }
}
