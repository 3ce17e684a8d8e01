/**
 * The one wrapper around every RPC: deadline and cancellation become a signal, what is thrown becomes
 * a status, each call is logged once. grpc-js awaits no handler, so nothing may escape from here.
 */
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type ServerWritableStream,
  status as grpcStatus,
} from "@grpc/grpc-js";
import { invalidArgument } from "../base/errors.ts";
import { elapsedMs, logger } from "../base/log.ts";
import { metrics } from "../base/metrics.ts";
import { traced } from "../base/tracing.ts";
import type { Encoded } from "../state/encoded.ts";
import type { CallsInProgress } from "./calls.ts";
import { type GrpcStatus, toGrpcStatus } from "./status.ts";

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

/** A request as it came off the wire: bytes that aren't a message of the type are an answer too. */
export type Decoded<Q> = { readonly request: Q } | { readonly broken: unknown };

/** Handlers get the decoded request and a signal that ends with the caller's interest. */
export type UnaryHandler<Q, S> = (
  request: Q,
  signal: AbortSignal,
) => Promise<S | Encoded> | S | Encoded;
export type StreamHandler<Q, S> = (request: Q, signal: AbortSignal) => AsyncIterable<S | Encoded>;

export interface Method {
  readonly name: string;
  /** Reads are asked for many times a second and logged at debug. */
  readonly isRead: boolean;
  readonly calls: CallsInProgress;
}

/** What both kinds of call have in common. */
interface AnyCall {
  readonly metadata: Metadata;
  on(event: "cancelled", listener: () => void): unknown;
  getDeadline(): Date | number;
}

export function unary<Q, S>(
  method: Method,
  handler: UnaryHandler<Q, S>,
): handleUnaryCall<Decoded<Q>, S | Encoded> {
  return (call, callback) => {
    const started = performance.now();
    const caller = callerOf(call, method.calls);
    const measured = requestSeconds.start();
    const answered = traced(
      `CRI ${method.name}`,
      { kind: "server", attributes: rpcAttributes(method), parent: traceparentOf(call) },
      () => respond(call.request, handler, caller.signal),
    );
    answered.then((response) => {
      caller.leave();
      logDone(method, started);
      measured({ method: method.name });
      callback(null, response);
    }, (error) => {
      caller.leave();
      logFailed(method, started, error);
      measured({ method: method.name });
      callback(toGrpcStatus(error));
    });
  };
}

async function respond<Q, S>(
  decoded: Decoded<Q>,
  handler: UnaryHandler<Q, S>,
  signal: AbortSignal,
): Promise<S | Encoded> {
  return await handler(requestOf(decoded), signal);
}

export function serverStream<Q, S>(
  method: Method,
  handler: StreamHandler<Q, S>,
): handleServerStreamingCall<Decoded<Q>, S | Encoded> {
  return (call) => {
    const started = performance.now();
    const caller = callerOf(call, method.calls);
    pump(call, handler, caller.signal).then(() => {
      caller.leave();
      logDone(method, started);
      call.end();
    }, (error) => {
      caller.leave();
      logFailed(method, started, error);
      const { code, details }: GrpcStatus = toGrpcStatus(error);
      call.emit("error", { code, details });
    });
  };
}

async function pump<Q, S>(
  call: ServerWritableStream<Decoded<Q>, S | Encoded>,
  handler: StreamHandler<Q, S>,
  signal: AbortSignal,
): Promise<void> {
  const messages = handler(requestOf(call.request), signal);
  // Tells the caller that it is heard, which a stream of events may not do by a message for long.
  call.sendMetadata(new Metadata());
  for await (const message of messages) {
    signal.throwIfAborted();
    if (call.write(message)) continue;
    const { promise, resolve } = Promise.withResolvers<void>();
    call.once("drain", resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
  }
}

function requestOf<Q>(decoded: Decoded<Q>): Q {
  if ("request" in decoded) return decoded.request;
  throw invalidArgument("request", `not a message of this type (${decoded.broken})`);
}

function rpcAttributes({ name }: Method) {
  return { "rpc.system": "grpc", "rpc.service": "runtime.v1", "rpc.method": name };
}

/** The kubelet's span, when it is traced. */
function traceparentOf({ metadata }: AnyCall): string | undefined {
  const [value] = metadata.get("traceparent");
  return typeof value === "string" ? value : undefined;
}

interface Caller {
  /** Aborted when the caller goes away before its answer, or the daemon can't wait for it. */
  readonly signal: AbortSignal;
  /** Called with the answer. */
  leave(): void;
}

function callerOf(call: AnyCall, calls: CallsInProgress): Caller {
  const abort = new AbortController();
  const end = calls.begin(abort);
  let isAnswered = false;
  call.on("cancelled", () => {
    // grpc-js tells the end of each call as its cancellation, of an answered one too.
    if (isAnswered) return;
    const deadline = Number(call.getDeadline());
    const passed = Number.isFinite(deadline) && Date.now() >= deadline;
    abort.abort(
      passed
        ? new DOMException("The caller's deadline passed", "TimeoutError")
        : new DOMException("The caller went away", "AbortError"),
    );
  });
  return {
    signal: abort.signal,
    leave: () => {
      isAnswered = true;
      end();
    },
  };
}

function logDone(method: Method, started: number): void {
  const level = method.isRead ? "trace" : "debug";
  // On the way of every call: nothing is built when nobody listens.
  if (log.isEnabledFor(level)) {
    log[level]("{method} took {ms} ms", { method: method.name, ms: elapsedMs(started) });
  }
  requests.add({ method: method.name, code: "OK" });
}

function logFailed(method: Method, started: number, error: unknown): void {
  log.warn("{method} failed after {ms} ms: {error}", {
    method: method.name,
    ms: elapsedMs(started),
    error,
  });
  requests.add({ method: method.name, code: grpcStatus[toGrpcStatus(error).code] ?? "UNKNOWN" });
}
