/** Logging through LogTape: one category per folder, structured fields, no secrets. */
import { getLogger, type Logger } from "@logtape/logtape";

export type { Logger };

/**
 * The logger of a folder: `logger("pods")`. Messages name their fields in braces:
 * `log.info("Pod {pod} is ready", { pod, sandboxId })`.
 */
export function logger(...category: string[]): Logger {
  return getLogger(["cri-containerd", ...category]);
}

/** Since a reading of `performance.now()`, in milliseconds with two decimals, for messages. */
export function elapsedMs(started: number): number {
  return Math.round((performance.now() - started) * 100) / 100;
}
