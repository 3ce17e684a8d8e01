/**
 * ExecSync: runs a program in a container and answers with what it wrote and how it ended.
 *
 *   1  open its streams, which are collected in the io compartment    undo: close them
 *      ∥ make the process                                             undo: kill and delete it
 *   2  start it, wait for its end no longer than the timeout
 *   3  take what it wrote
 */
import { both } from "../base/both.ts";
import { CriError, during, isKind } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { Exit } from "../containerd/tasks.ts";
import type { ExecSyncRequest } from "../gen/cri/v1/api.ts";
import { type Container, containerLabel } from "../state/containers.ts";
import { Encoded, fieldHead, numberEntry } from "../state/encoded.ts";
import { ioDir } from "../state/folders.ts";
import {
  type ExecDeps,
  ExecProcess,
  newExecId,
  removeLostStreams,
  runningContainer,
} from "./exec_process.ts";
import { type Captured, type CaptureService, type DrainLimits, execStdioPaths } from "./streams.ts";

const log = logger("containers");

/**
 * The process's own output lies in its pipes when it ends, and comes through without a pause; its
 * children may hold its streams open, and what comes from them is not waited for.
 */
export const DRAIN_LIMITS: DrainLimits = { quietMs: 1_000, drainMs: 10_000 };

export interface ExecSyncDeps extends ExecDeps {
  readonly streams: CaptureService;
  /** Bytes of both streams together that fit in an answer. */
  readonly maxExecOutputBytes: number;
  /** Aborted when the compartment that collects now has died, and what it collected with it. */
  streamsLost(): AbortSignal;
}

/**
 * @throws CriError notFound, failedPrecondition when the container doesn't run, deadlineExceeded
 *   when the process did not end in time and was killed
 */
export async function execSync(
  deps: ExecSyncDeps,
  request: ExecSyncRequest,
  signal: AbortSignal,
): Promise<Encoded> {
  const container = runningContainer(deps, request.containerId, "run a program in");
  const { id } = container;
  const streams = { containerId: id, execId: newExecId(), terminal: false, stdin: false };
  const stdio = execStdioPaths(ioDir(deps.settings), streams);
  const process = new ExecProcess(deps, { ...streams, container, stdio });
  const lost = deps.streamsLost();
  try {
    await both(
      signal,
      () => deps.streams.openCapture({ ...streams, maxBytes: deps.maxExecOutputBytes }),
      (both) => process.create({ args: request.cmd }, both),
    );
    await process.start(signal);
    const output = deps.streams.captured(streams);
    // It is asked for before the end, and may fail while that is waited for.
    output.catch(() => undefined);
    const wanted = AbortSignal.any([signal, lost]);
    const { exitCode } = await exitInTime(process, request.timeout, wanted);
    const ending = deps.streams.captureEnding({ ...streams, ...DRAIN_LIMITS });
    const captured = await Promise.race([output, ending.then(() => output)]);
    noteLimits(container, captured);
    return answerOf(captured, exitCode);
  } catch (error) {
    const what = `Cannot run ${shown(request.cmd)} in container ${
      containerLabel(container)
    } (${id})`;
    // Only the store of containers may say of one that it isn't there.
    throw during(what, error, isKind(error, "notFound") ? "internal" : undefined);
  } finally {
    // A shim that deletes a process waits for whoever holds its streams: the caller doesn't.
    void process.end();
    void closeStreams(deps, { ...streams, areLost: lost.aborted });
  }
}

/** Field numbers of ExecSyncResponse. */
const FIELDS = { stdout: 1, stderr: 2, exitCode: 3 };

/** The output is sent from where it was read to. */
function answerOf(captured: Captured, exitCode: number): Encoded {
  const output = (["stdout", "stderr"] as const).flatMap((stream) => {
    const size = captured[stream].reduce((sum, { length }) => sum + length, 0);
    return [fieldHead(FIELDS[stream], size), ...captured[stream]];
  });
  return new Encoded(...output, numberEntry(FIELDS.exitCode, BigInt(exitCode)));
}

/** The answer doesn't wait for it. */
async function closeStreams(
  deps: ExecSyncDeps,
  { containerId, execId, areLost }: { containerId: string; execId: string; areLost: boolean },
): Promise<void> {
  try {
    await deps.streams.closeCapture({ execId });
    if (areLost) await removeLostStreams(deps, containerId, execId);
  } catch (error) {
    log.warn("The streams of a program in container {containerId} stay: {error}", {
      containerId,
      error,
    });
  }
}

async function exitInTime(
  process: ExecProcess,
  timeoutSeconds: bigint,
  signal: AbortSignal,
): Promise<Exit> {
  if (timeoutSeconds === 0n) return await process.exited(signal);
  // setTimeout counts in 32 bits: 24 days are enough for anybody.
  const timeoutMs = Math.min(Number(timeoutSeconds) * 1000, 2 ** 31 - 1);
  const abort = new AbortController();
  const timer = setTimeout(() => {
    const message = `it did not end within ${timeoutSeconds} s and was killed`;
    abort.abort(new CriError("deadlineExceeded", message));
  }, timeoutMs);
  try {
    return await process.exited(AbortSignal.any([signal, abort.signal]));
  } finally {
    clearTimeout(timer);
  }
}

function noteLimits(container: Container, { isComplete, isCut }: Captured): void {
  if (isComplete && !isCut) return;
  log.info("The output of a program run in container {container} is not whole: {reason}", {
    container: containerLabel(container),
    containerId: container.id,
    reason: isCut ? "it is longer than an answer may be" : "its children hold its streams open",
  });
}

/** A command as it may stand in a message. */
function shown([program = "", ...rest]: readonly string[]): string {
  const name = program.length > 80 ? `${program.slice(0, 80)}…` : program;
  return rest.length === 0 ? name : `${name} …`;
}
