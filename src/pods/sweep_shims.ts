/** Ends the shims that a crash left: containerd forgets one whose making was cut off. */
import { pause } from "../base/pause.ts";
import { logger } from "../base/log.ts";

const log = logger("pods");

/** A shim that was just being made when its maker died shows itself by then. */
const SETTLE_MS = 5_000;

export interface SweepShimsDeps {
  readonly containerdAddress: string;
  readonly linux: { endOrphanedShims(address: string): string[] };
}

/** Looks twice: at once, and when what was under way has come to its end. */
export async function sweepShims(deps: SweepShimsDeps, signal: AbortSignal): Promise<void> {
  endOrphans(deps);
  await pause(SETTLE_MS, signal);
  if (!signal.aborted) endOrphans(deps);
}

function endOrphans({ linux, containerdAddress }: SweepShimsDeps): void {
  try {
    for (const id of linux.endOrphanedShims(containerdAddress)) {
      log.warn("The shim of {id} was left by a crash and is ended", { id });
    }
  } catch (error) {
    log.error("Cannot look for shims that a crash left: {error}", { error });
  }
}
