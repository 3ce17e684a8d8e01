/** How long calls of containerd take, and which fail. */
import { metrics } from "../base/metrics.ts";

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

/** Counts a call that has ended with a status of this name. */
export function measureCall(
  { path, timeoutMs }: { path: string; timeoutMs: number },
  startedMs: number,
  code: string,
): void {
  // "/containerd.services.tasks.v1.Tasks/Create" is known as "Tasks/Create".
  const method = path.slice(path.lastIndexOf(".") + 1);
  if (timeoutMs > 0) seconds.observe({ method }, (performance.now() - startedMs) / 1000);
  if (code !== "OK") errors.add({ method, code });
}
