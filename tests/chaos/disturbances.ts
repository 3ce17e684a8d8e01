/** What befalls a node: programs killed and stopped, at any moment. */
import type { Daemon } from "../world/daemon.ts";
import { delay } from "../world/delay.ts";
import { processesNaming } from "../world/processes.ts";
import type { Random } from "./random.ts";

export interface Disturbance {
  readonly name: string;
  /** How often, beside the others. */
  readonly weight: number;
  strike(daemon: Daemon, random: Random): Promise<void>;
}

export const DISTURBANCES: readonly Disturbance[] = [
  {
    name: "the daemon is killed",
    weight: 4,
    strike: async (daemon) => {
      await daemon.stop("SIGKILL");
      await daemon.start();
    },
  },
  {
    name: "the daemon is ended",
    weight: 1,
    strike: async (daemon) => {
      await daemon.stop("SIGTERM");
      await daemon.start();
    },
  },
  {
    name: "containerd is killed",
    weight: 2,
    strike: async (daemon) => signal(await containerdOf(daemon), "SIGKILL"),
  },
  {
    name: "containerd stands still for a while",
    weight: 1,
    strike: async (daemon, random) => {
      const pid = await containerdOf(daemon);
      signal(pid, "SIGSTOP");
      try {
        await delay(500 + random.below(4_000));
      } finally {
        signal(pid, "SIGCONT");
      }
    },
  },
  {
    name: "a shim is killed",
    weight: 2,
    strike: async (daemon, random) => {
      const shims = await processesNaming(`-address ${daemon.containerdAddress}`);
      const shim = shims[random.below(Math.max(1, shims.length))];
      if (shim !== undefined) signal(Number(shim.split(" ", 1)[0]), "SIGKILL");
    },
  },
];

/** One of them, by weight. */
export function anyOf(random: Random): Disturbance {
  const all = DISTURBANCES.flatMap((one) => Array.from({ length: one.weight }, () => one));
  const one = all[random.below(all.length)];
  if (one === undefined) throw new Error("there are no disturbances");
  return one;
}

/** Of the daemon's own, as it writes it down. */
async function containerdOf({ dir }: Daemon): Promise<number> {
  const { pid } = JSON.parse(await Deno.readTextFile(`${dir}/state/containerd/pid.json`));
  return pid;
}

function signal(pid: number, name: Deno.Signal): void {
  try {
    Deno.kill(pid, name);
  } catch (error) {
    // It has ended by itself, or is being started again.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
