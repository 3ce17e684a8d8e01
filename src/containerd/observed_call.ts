/** How long calls of containerd take, which fail, and what they are a part of. */
import { metrics } from "../base/metrics.ts";
import { startSpan } from "../base/tracing.ts";

const seconds = metrics.histogram({
  name: "cri_containerd_containerd_call_duration_seconds",
  help: "How long calls of containerd took; those that wait for something to happen aren't here.",
  labels: ["method"],
});
const errors = metrics.counter({
  name: "cri_containerd_containerd_call_errors_total",
  help: "Calls of containerd that failed.",
  labels: ["method", "code"],
});

/** A call under way. */
export interface ObservedCall {
  /** Goes with the call, so that containerd's own spans are below ours. */
  readonly traceparent: string | undefined;
  ended(code: string): void;
}

export function observeCall(path: string, timeoutMs: number): ObservedCall {
  // "/containerd.services.tasks.v1.Tasks/Create" is known as "Tasks/Create".
  const method = path.slice(path.lastIndexOf(".") + 1);
  const isBounded = timeoutMs > 0;
  const attributes = { "rpc.system": "grpc", "rpc.method": method };
  const span = isBounded
    ? startSpan(`containerd ${method}`, { kind: "client", attributes })
    : undefined;
  const measured = isBounded ? seconds.start() : () => {};
  return {
    traceparent: span?.traceparent,
    ended: (code) => {
      measured({ method });
      if (code !== "OK") errors.add({ method, code });
      span?.end(code === "OK" ? undefined : new Error(code));
    },
  };
}
