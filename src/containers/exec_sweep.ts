/**
 * Ends what a daemon that died has left of its execs: nobody waits for them, and a process whose
 * output nobody takes stands still for ever. Their folders of FIFOs tell which they were.
 */
import { removePath } from "../base/gone.ts";
import { logger } from "../base/log.ts";
import { namesIn } from "../base/names_in.ts";
import type { Containerd } from "../containerd/client.ts";
import { EXEC_PREFIX, ioDir } from "../state/folders.ts";
import type { Settings } from "../state/settings.ts";
import { endExec } from "./exec_process.ts";
import type { CaptureService } from "./streams.ts";

const log = logger("containers");

export interface SweepExecsDeps {
  readonly containerd: Pick<Containerd, "tasks">;
  readonly settings: Settings;
  readonly streams: Pick<CaptureService, "closeCapture">;
}

interface LeftExec {
  readonly containerId: string;
  readonly execId: string;
  readonly path: string;
}

/** Before calls are answered: what is found then is nobody's. It is ended without being waited for. */
export async function sweepExecs(deps: SweepExecsDeps): Promise<void> {
  const left = await leftExecs(deps.settings);
  if (left.length === 0) return;
  log.info("{count} processes that a daemon before this one ran in containers are ended", {
    count: left.length,
  });
  void Promise.all(left.map((exec) => end(deps, exec)));
}

async function end(
  { containerd, streams }: SweepExecsDeps,
  { containerId, execId, path }: LeftExec,
): Promise<void> {
  try {
    await endExec(containerd.tasks, { id: containerId, execId });
    // The other compartment may have lived on, with the streams still open.
    await streams.closeCapture({ execId });
    await removePath(path);
  } catch (error) {
    log.warn("What is left of a process in container {containerId} stays: {error}", {
      containerId,
      error,
    });
  }
}

async function leftExecs(settings: Settings): Promise<LeftExec[]> {
  const dir = ioDir(settings);
  const left: LeftExec[] = [];
  for (const containerId of await namesIn(dir)) {
    for (const name of await namesIn(`${dir}/${containerId}`)) {
      if (!name.startsWith(EXEC_PREFIX)) continue;
      const path = `${dir}/${containerId}/${name}`;
      left.push({ containerId, execId: name.slice(EXEC_PREFIX.length), path });
    }
  }
  return left;
}
