/**
 * The one wrapper around every RPC: deadline and cancellation become a signal, what is thrown becomes
 * a status, each call is logged once. Nobody awaits a handler, so nothing may escape from here.
 */
import type { Codec } from "../base/codec.ts";
import { invalidArgument } from "../base/errors.ts";
import { elapsedMs, logger } from "../base/log.ts";
import { metrics } from "../base/metrics.ts";
import { traced } from "../base/tracing.ts";
import type { Handler } from "../grpc/server.ts";
import type { ServerCall } from "../grpc/server_call.ts";
import { CODE, codeName } from "../grpc/status.ts";
import { Encoded } from "../state/encoded.ts";
import type { CallsInProgress } from "./calls.ts";
import { toGrpcStatus } from "./status.ts";

const log = logger("cri");

const requests = metrics.counter({
  name: "cri_containerd_cri_requests_total",
  help: "Calls of the CRI by how they ended.",
  labels: ["method", "code"],
});
const requestSeconds = metrics.histogram({
  name: "cri_containerd_cri_request_duration_seconds",
  help: "How long calls of the CRI took; streams, which last as long as they please, aren't here.",
  labels: ["method"],
});

/** Handlers get the decoded request and a signal that ends with the caller's interest. */
export type UnaryHandler<Q, S> = (
  request: Q,
  signal: AbortSignal,
) => Promise<S | Encoded> | S | Encoded;
export type StreamHandler<Q, S> = (request: Q, signal: AbortSignal) => AsyncIterable<S | Encoded>;

interface Named {
  readonly name: string;
  /** Reads are asked for many times a second and logged at trace. */
  readonly isRead: boolean;
}

export interface Method<Q, S> extends Named {
  readonly calls: CallsInProgress;
  readonly requestType: Codec<Q>;
  readonly responseType: Codec<S>;
}

export function unary<Q, S>(method: Method<Q, S>, handler: UnaryHandler<Q, S>): Handler {
  return (call) => {
    const started = performance.now();
    const caller = callerOf(call, method.calls);
    const measured = requestSeconds.start();
    const answered = traced(
      `CRI ${method.name}`,
      {
        kind: "server",
        attributes: rpcAttributes(method.name),
        // The kubelet's span, when it is traced.
        parent: call.header("traceparent"),
      },
      async () => {
        const response = await handler(requestOf(method.requestType, call), caller.signal);
        return encoded(method.responseType, response);
      },
    );
    answered.then((response) => {
      caller.leave();
      logDone(method, started);
      measured({ method: method.name });
      call.answer(...response);
    }, (error) => {
      caller.leave();
      logFailed(method, started, error);
      measured({ method: method.name });
      call.end(toGrpcStatus(error));
    });
  };
}

export function serverStream<Q, S>(method: Method<Q, S>, handler: StreamHandler<Q, S>): Handler {
  return (call) => {
    const started = performance.now();
    const caller = callerOf(call, method.calls);
    pump({ method, call, handler }, caller.signal).then(() => {
      caller.leave();
      logDone(method, started);
      call.end({ code: CODE.ok, details: "" });
    }, (error) => {
      caller.leave();
      logFailed(method, started, error);
      call.end(toGrpcStatus(error));
    });
  };
}

interface Pump<Q, S> {
  readonly method: Method<Q, S>;
  readonly call: ServerCall;
  readonly handler: StreamHandler<Q, S>;
}

async function pump<Q, S>(
  { method, call, handler }: Pump<Q, S>,
  signal: AbortSignal,
): Promise<void> {
  const messages = handler(requestOf(method.requestType, call), signal);
  // Tells the caller that it is heard, which a stream of events may not do by a message for long.
  call.begin();
  for await (const message of messages) {
    signal.throwIfAborted();
    if (call.write(...encoded(method.responseType, message))) continue;
    const { promise, resolve } = Promise.withResolvers<void>();
    call.room().then(resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
  }
}

function requestOf<Q>(requestType: Codec<Q>, { message }: ServerCall): Q {
  try {
    return requestType.decode(message);
  } catch (error) {
    throw invalidArgument("request", `not a message of this type (${error})`);
  }
}

function encoded<S>(responseType: Codec<S>, response: S | Encoded): readonly Uint8Array[] {
  return response instanceof Encoded ? response.parts : [responseType.encode(response).finish()];
}

function rpcAttributes(name: string) {
  return { "rpc.system": "grpc", "rpc.service": "runtime.v1", "rpc.method": name };
}

interface Caller {
  /** Aborted when the caller goes away before its answer, or the daemon can't wait for it. */
  readonly signal: AbortSignal;
  /** Called with the answer. */
  leave(): void;
}

function callerOf(call: ServerCall, calls: CallsInProgress): Caller {
  const abort = new AbortController();
  const end = calls.begin(abort);
  call.onCancelled((why) =>
    abort.abort(
      why === "deadline"
        ? new DOMException("The caller's deadline passed", "TimeoutError")
        : new DOMException("The caller went away", "AbortError"),
    )
  );
  return { signal: abort.signal, leave: end };
}

function logDone(method: Named, started: number): void {
  const level = method.isRead ? "trace" : "debug";
  // On the way of every call: nothing is built when nobody listens.
  if (log.isEnabledFor(level)) {
    log[level]("{method} took {ms} ms", { method: method.name, ms: elapsedMs(started) });
  }
  requests.add({ method: method.name, code: "OK" });
}

function logFailed(method: Named, started: number, error: unknown): void {
  log.warn("{method} failed after {ms} ms: {error}", {
    method: method.name,
    ms: elapsedMs(started),
    error,
  });
  requests.add({ method: method.name, code: codeName(toGrpcStatus(error).code) });
}
