/** StopContainer: asks the process to end, and kills it when its time is over. */
import { during, isKind } from "../base/errors.ts";
import type { ContainerId } from "../base/id.ts";
import { logger } from "../base/log.ts";
import type { Containerd } from "../containerd/client.ts";
import type { Exit } from "../containerd/tasks.ts";
import { type Container, containerLabel } from "../state/containers.ts";
import { containerExited, type ExitedDeps } from "./exited.ts";
import { signalNumber } from "./signals.ts";

const log = logger("containers");

const SIGKILL = 9;

/** A killed process that isn't gone by then sits in the kernel; the call says so and can be repeated. */
const KILL_TIMEOUT_MS = 30_000;

export interface StopDeps extends ExitedDeps {
  readonly containerd: Pick<Containerd, "tasks">;
}

/**
 * Stops a container: its stop signal first, SIGKILL after `timeoutSeconds`; 0 kills at once. An
 * unknown container, or one that doesn't run, is success (CRI, StopContainer).
 *
 * @throws CriError deadlineExceeded when even SIGKILL didn't end it
 */
export async function stopContainer(
  deps: StopDeps,
  { idOrPrefix, timeoutSeconds }: { idOrPrefix: string; timeoutSeconds: bigint },
  signal: AbortSignal,
): Promise<void> {
  const container = deps.containers.resolve(idOrPrefix);
  if (container === undefined || !mayRun(container)) return;
  if (timeoutSeconds > 0n && await endsByItself(deps, { container, timeoutSeconds }, signal)) {
    return;
  }
  await killContainer(deps, container.id, signal);
}

/** Kills a container and waits for its end to be recorded. Not running is done. */
export async function killContainer(
  deps: StopDeps,
  id: ContainerId,
  signal: AbortSignal,
): Promise<void> {
  const container = deps.containers.find(id);
  if (container === undefined || !mayRun(container)) return;
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(KILL_TIMEOUT_MS)]);
  try {
    const exit = await signalAndWait(deps, { container, number: SIGKILL }, bounded);
    await containerExited(deps, id, exit);
  } catch (error) {
    throw during(`Cannot kill container ${containerLabel(container)} (${id})`, error);
  }
}

function mayRun({ state }: Container): boolean {
  return state.kind === "running" || state.kind === "unknown";
}

/** Sends the stop signal; true when the container ended in time. */
async function endsByItself(
  deps: StopDeps,
  { container, timeoutSeconds }: { container: Container; timeoutSeconds: bigint },
  signal: AbortSignal,
): Promise<boolean> {
  const { id, metadata } = container;
  // setTimeout counts in 32 bits: 24 days are enough grace for anybody.
  const graceMs = Math.min(Number(timeoutSeconds) * 1000, 2 ** 31 - 1);
  const grace = AbortSignal.timeout(graceMs);
  const bounded = AbortSignal.any([signal, grace]);
  try {
    const number = signalNumber(metadata.stopSignal);
    const exit = await signalAndWait(deps, { container, number }, bounded);
    await containerExited(deps, id, exit);
    return true;
  } catch (error) {
    if (!grace.aborted) throw error;
    log.info("Container {container} did not end within {timeoutSeconds} s and is killed", {
      container: containerLabel(container),
      containerId: id,
      timeoutSeconds: Number(timeoutSeconds),
    });
    return false;
  }
}

/** Waits from before the signal on, so that no exit can fall between. */
async function signalAndWait(
  deps: StopDeps,
  { container, number }: { container: Container; number: number },
  signal: AbortSignal,
): Promise<Exit | "unseen"> {
  const { id } = container;
  const waiting = deps.containerd.tasks.wait(id, { signal });
  waiting.catch(() => undefined);
  try {
    await deps.containerd.tasks.kill(id, number, { signal });
  } catch (error) {
    // The process ended by itself meanwhile: the wait knows how.
    if (!isKind(error, "notFound")) throw error;
  }
  try {
    return await waiting;
  } catch (error) {
    if (!isKind(error, "notFound")) throw error;
    // Somebody deleted the task behind our back; how it ended can't be known any more.
    return "unseen";
  }
}
