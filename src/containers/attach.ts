/** Attach: gives the URL under which a client sees a container's output and writes its input. */
import { during } from "../base/errors.ts";
import { newId } from "../base/id.ts";
import { waitFor } from "../base/keyed_lock.ts";
import type { AttachRequest, AttachResponse } from "../gen/cri/v1/api.ts";
import { closeStdin, type ExecSessionDeps } from "./exec.ts";
import { runningContainer } from "./exec_process.ts";
import { Resizer } from "./resizer.ts";
import { onSessionEvent } from "./streams.ts";

export type AttachDeps = ExecSessionDeps;

/**
 * @throws CriError notFound, failedPrecondition when the container doesn't run, resourceExhausted
 *   when too many URLs wait to be used
 */
export async function attach(
  deps: AttachDeps,
  request: AttachRequest,
  signal: AbortSignal,
): Promise<AttachResponse> {
  const { id, metadata: { config } } = runningContainer(deps, request.containerId, "attach to");
  const resizer = new Resizer(deps.containerd.tasks, id);
  resizer.started();
  const given = Promise.withResolvers<string>();
  const options = {
    sessionId: newId(),
    containerId: id,
    // What the client was told to expect; what the container doesn't have stays silent.
    terminal: request.tty,
    stdin: request.stdin,
    stdout: request.stdout,
    stderr: request.stderr,
    closesStdin: config.stdinOnce && !config.tty,
  };
  const serving = deps.streams.serveAttach(options, {
    signal: deps.stopping,
    onProgress: onSessionEvent((event) => {
      if (event.kind === "url") given.resolve(event.url);
      else if (event.kind === "resize") resizer.resize(event);
      else if (event.kind === "stdinEnded") void closeStdin(deps.containerd.tasks, id);
    }),
  });
  serving.catch((error) => given.reject(during("Cannot open a stream", error)));
  return { url: await waitFor(given.promise, signal) };
}
