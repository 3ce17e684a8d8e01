/**
 * States of pods and containers. A state is a fact with its own fields; a record with a new state
 * is a new object, so what was computed from the old one can be kept by the old one.
 */

/**
 *     (record made) ──▶ pending ──▶ ready ──▶ notReady ──▶ (record deleted)
 *                          └──────────────────────▲
 *
 * pending: RunPodSandbox is at work; lists don't show it. notReady: stopped, or not all of it could
 * be made or undone; Stop and Remove finish the job.
 */
export type SandboxState =
  | { readonly kind: "pending" }
  | { readonly kind: "ready"; readonly pid: number }
  | {
    readonly kind: "notReady";
    /** Its network, namespace and task are known to be gone, so Stop has nothing to do. */
    readonly released: boolean;
    /** What became of its own process, where somebody will ask. */
    readonly reason?: string;
  };

/**
 *     created ──▶ running ──▶ exited
 *        └─────────────────────▲         (could not be started)
 *     unknown: containerd couldn't tell after a restart of this daemon
 */
export type ContainerState =
  | { readonly kind: "created" }
  | { readonly kind: "running"; readonly pid: number; readonly startedAtNs: bigint }
  | ExitedState
  | { readonly kind: "unknown"; readonly startedAtNs: bigint };

export interface ExitedState {
  readonly kind: "exited";
  /** 0n for a container that never started. */
  readonly startedAtNs: bigint;
  readonly finishedAtNs: bigint;
  readonly exitCode: number;
  /** One word in CamelCase: Completed, Error, OOMKilled, StartError, ContainerStatusUnknown. */
  readonly reason: string;
  readonly message: string;
}

/** The reason of an ordinary exit. */
export function exitReason(exitCode: number, oomKilled: boolean): string {
  if (oomKilled) return "OOMKilled";
  return exitCode === 0 ? "Completed" : "Error";
}
