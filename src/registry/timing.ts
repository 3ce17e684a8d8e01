/** How patient we are with a registry. */
import { waitFor } from "../base/keyed_lock.ts";
import { RegistryError } from "./errors.ts";

export interface Timing {
  /** From a request to the headers of its answer. */
  readonly headersMs: number;
  /** A transfer must bring {@link Timing.minBytes} in this time of waiting for it; 0: no limit. */
  readonly stallMs: number;
  readonly minBytes: number;
  /** Further tries after a transient failure. */
  readonly retries: number;
  /** Before the first further try; each later one waits twice as long. */
  readonly backoffMs: number;
  /** Nothing makes us wait longer before a try. */
  readonly maxBackoffMs: number;
}

export const DEFAULT_TIMING: Timing = {
  headersMs: 30_000,
  stallMs: 60_000,
  minBytes: 64 * 1024,
  retries: 4,
  backoffMs: 250,
  maxBackoffMs: 30_000,
};

/** A byte now and then is no progress: less than a KiB a second is as bad as nothing. */
const MIN_BYTES_A_SECOND = 1024;

/** The defaults with another patience for transfers, in milliseconds; 0 waits for ever. */
export function timingWith(stallMs: number): Timing {
  const minBytes = Math.ceil(stallMs / 1000 * MIN_BYTES_A_SECOND);
  return { ...DEFAULT_TIMING, stallMs, minBytes };
}

/** Does work again while it fails in a way that may pass. */
export async function withRetries<T>(
  timing: Timing,
  signal: AbortSignal,
  work: () => Promise<T>,
): Promise<T> {
  for (let failures = 1;; failures++) {
    try {
      return await work();
    } catch (error) {
      if (!mayPass(error) || failures > timing.retries) throw error;
      await backOff({ timing, failures, error }, signal);
    }
  }
}

export function mayPass(error: unknown): error is RegistryError {
  return error instanceof RegistryError && error.isTransient;
}

/** Waits before another try, a different time on each node so that they don't come in step. */
export async function backOff(
  { timing, failures, error }: { timing: Timing; failures: number; error: RegistryError },
  signal: AbortSignal,
): Promise<void> {
  const doubled = timing.backoffMs * 2 ** (failures - 1) * (0.75 + Math.random() / 2);
  const ms = Math.min(timing.maxBackoffMs, Math.max(doubled, error.retryAfterMs ?? 0));
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  try {
    await waitFor(promise, signal);
  } finally {
    clearTimeout(timer);
  }
}
