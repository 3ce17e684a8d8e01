/**
 * ExecSync: runs a program in a container and answers with what it wrote and how it ended.
 *
 *   1  open its streams, which are collected in the io compartment    undo: close them
 *   2  start it, wait for its end no longer than the timeout          undo: kill and delete it
 *   3  take what it wrote
 */
import { both } from "../base/both.ts";
import { CriError, during, isKind } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { Exit } from "../containerd/tasks.ts";
import type { ExecSyncRequest, ExecSyncResponse } from "../gen/cri/v1/api.ts";
import { type Container, containerLabel } from "../state/containers.ts";
import {
  type ExecDeps,
  ExecProcess,
  execSpec,
  newExecId,
  removeLostStreams,
  runningContainer,
} from "./exec_process.ts";
import type { Captured, CaptureService, DrainLimits } from "./streams.ts";

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
): Promise<ExecSyncResponse> {
  const container = runningContainer(deps, request.containerId, "run a program in");
  const execId = newExecId();
  const { id } = container;
  const lost = deps.streamsLost();
  try {
    const [stdio, spec] = await both(
      signal,
      () =>
        deps.streams.openCapture({
          containerId: id,
          execId,
          terminal: false,
          stdin: false,
          maxBytes: deps.maxExecOutputBytes,
        }),
      (both) => execSpec(deps, { container, args: request.cmd, terminal: false }, both),
    );
    const plan = { container, execId, terminal: false, stdio, spec };
    const process = await ExecProcess.start(deps, plan, signal);
    const wanted = AbortSignal.any([signal, lost]);
    return await collect(deps, { process, execId, container, request }, wanted);
  } catch (error) {
    const what = `Cannot run ${shown(request.cmd)} in container ${
      containerLabel(container)
    } (${id})`;
    // Only the store of containers may say of one that it isn't there.
    throw during(what, error, isKind(error, "notFound") ? "internal" : undefined);
  } finally {
    void closeStreams(deps, { containerId: id, execId, areLost: lost.aborted });
  }
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

interface Running {
  readonly process: ExecProcess;
  readonly execId: string;
  readonly container: Container;
  readonly request: ExecSyncRequest;
}

async function collect(
  deps: ExecSyncDeps,
  { process, execId, container, request }: Running,
  signal: AbortSignal,
): Promise<ExecSyncResponse> {
  try {
    const attached = deps.streams.captureAttached({ execId });
    const { exitCode } = await exitInTime(process, request.timeout, signal);
    await attached;
    const output = await deps.streams.captured({ execId, ...DRAIN_LIMITS });
    noteLimits(container, output);
    return { stdout: output.stdout, stderr: output.stderr, exitCode };
  } finally {
    // A shim that deletes a process waits for whoever holds its streams: the caller doesn't.
    void process.end();
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
