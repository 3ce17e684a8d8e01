/**
 * Spans of OpenTelemetry, exported by Deno itself when it was started with OTEL_DENO=true (and the
 * OTEL_EXPORTER_OTLP_… variables that all exporters know). Without that nothing of it is loaded, and
 * every function here does what it wraps and no more.
 */
import type { Attributes, Context, Span, SpanOptions } from "@opentelemetry/api";
import { toCriError } from "./errors.ts";
import { VERSION } from "./version.ts";

/** Deno registers its exporter there, in every thread, before any module is loaded. */
const REGISTRY = Symbol.for("opentelemetry.js.api.1");

const api = REGISTRY in globalThis ? await import("@opentelemetry/api") : undefined;
const tracer = api?.trace.getTracer("cri-containerd", VERSION);

export interface TraceOptions {
  readonly kind: "server" | "client" | "internal";
  readonly attributes?: Attributes;
  /** A W3C traceparent from outside; without one the span goes below the one that is active. */
  readonly parent?: string | undefined;
}

/** A piece of work that is told about by callbacks. */
export interface OpenSpan {
  /** For whoever does the work, in the form of https://www.w3.org/TR/trace-context/ */
  readonly traceparent: string;
  end(error?: unknown): void;
}

/** Does work in a span of its own. */
export function traced<T>(
  name: string,
  options: TraceOptions,
  work: () => Promise<T>,
): Promise<T> {
  if (api === undefined || tracer === undefined) return work();
  return tracer.startActiveSpan(name, spanOptions(options), parentOf(options), async (span) => {
    try {
      const result = await work();
      span.end();
      return result;
    } catch (error) {
      endFailed(span, error);
      throw error;
    }
  });
}

/** Begins a span; undefined when nobody asked for traces. */
export function startSpan(name: string, options: TraceOptions): OpenSpan | undefined {
  const span = tracer?.startSpan(name, spanOptions(options), parentOf(options));
  return span && {
    traceparent: traceparentOf(span),
    end: (error) => error === undefined ? span.end() : endFailed(span, error),
  };
}

/** The active span, for whoever goes on with its work elsewhere. */
export function activeTrace(): string | undefined {
  const span = api?.trace.getActiveSpan();
  return span && traceparentOf(span);
}

function spanOptions({ kind, attributes = {} }: TraceOptions): SpanOptions {
  const { SpanKind } = api ?? {};
  const kinds = { server: SpanKind?.SERVER, client: SpanKind?.CLIENT, internal: undefined };
  const known = kinds[kind];
  return known === undefined ? { attributes } : { attributes, kind: known };
}

const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

function parentOf({ parent }: TraceOptions): Context {
  if (api === undefined) throw new Error("spans are begun only when there are traces");
  const [, traceId = "", spanId = "", flags = "0"] = parent?.match(TRACEPARENT) ?? [];
  if (traceId === "") return api.context.active();
  const context = { traceId, spanId, traceFlags: parseInt(flags, 16), isRemote: true };
  return api.trace.setSpanContext(api.ROOT_CONTEXT, context);
}

function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

function endFailed(span: Span, error: unknown): void {
  const { kind, message } = toCriError(error);
  span.setAttribute("error.type", kind);
  if (api !== undefined) span.setStatus({ code: api.SpanStatusCode.ERROR, message });
  span.end();
}
