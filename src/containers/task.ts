/** Ends tasks, of containers and of sandboxes alike. */
import { isKind } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { Exit, TaskInfo, Tasks } from "../containerd/tasks.ts";

const log = logger("containers");

const SIGKILL = 9;

/** A shim that doesn't answer by then is silent. */
const ASK_TIMEOUT_MS = 5_000;

/** A killed process that isn't gone by then sits in the kernel: nothing but waiting helps. */
const KILL_TIMEOUT_MS = 10_000;

export type TaskEnd = Pick<Tasks, "kill" | "wait" | "delete">;

/**
 * Kills a task, waits for its end and deletes it. What is already gone is done.
 *
 * @returns how it ended, undefined when there was none
 * @throws CriError deadlineExceeded when the shim doesn't answer
 */
export async function endTask(
  tasks: TaskEnd,
  id: string,
  signal: AbortSignal,
): Promise<Exit | undefined> {
  await killTask(tasks, id, signal);
  return await deleteTask(tasks, id, signal);
}

/** Kills a task and waits for its end. What has ended already is done. */
export async function killTask(
  tasks: Pick<Tasks, "kill" | "wait">,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  const waiting = tasks.wait(id, { signal, timeoutMs: KILL_TIMEOUT_MS });
  waiting.catch(() => undefined);
  try {
    await tasks.kill(id, SIGKILL, { signal, timeoutMs: KILL_TIMEOUT_MS });
    await waiting;
  } catch (error) {
    // No such task or process: it ended already, or was never made; it is deleted all the same.
    if (!isKind(error, "notFound", "failedPrecondition")) throw error;
  }
}

/**
 * Deletions of ended tasks, by container, and whether the task is gone then. Nobody waits for them
 * until they must be over: before another deletion of the same task, and before that of the pod's
 * own, with which its shim ends. An entry stays as long as its container.
 */
export type TaskDeletions = Map<string, Promise<boolean>>;

/** Deletes a task that has ended. Gone is done. */
export async function deleteTask(
  tasks: Pick<Tasks, "delete">,
  id: string,
  signal: AbortSignal,
): Promise<Exit | undefined> {
  try {
    return await tasks.delete(id, { signal });
  } catch (error) {
    if (isKind(error, "notFound")) return undefined;
    throw error;
  }
}

/** A task as its shim tells it, or that there is none, or that its shim doesn't answer. */
export type FoundTask = TaskInfo | "none" | "silent";

/** Asks one task for its state, with a bound: one hung shim holds up nobody else. */
export async function findTask(
  tasks: Pick<Tasks, "get">,
  id: string,
  signal: AbortSignal,
): Promise<FoundTask> {
  try {
    return await tasks.get(id, { signal, timeoutMs: ASK_TIMEOUT_MS });
  } catch (error) {
    if (isKind(error, "notFound")) return "none";
    log.warn("The task of {id} can't be asked: {error}", { id, error });
    return "silent";
  }
}
