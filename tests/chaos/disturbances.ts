/** What befalls a node, at any moment: programs killed and stopped, and what they need missing. */
import type { Daemon } from "../world/daemon.ts";
import { delay } from "../world/delay.ts";
import { processesNaming } from "../world/processes.ts";
import { sh } from "../world/sh.ts";
import type { Victim } from "./victim.ts";
import type { Random } from "./random.ts";

export interface Disturbance {
  readonly name: string;
  /** How often, beside the others. */
  readonly weight: number;
  strike(victim: Victim, random: Random): Promise<void>;
}

export const DISTURBANCES: readonly Disturbance[] = [
  {
    name: "the daemon is killed",
    weight: 4,
    strike: async ({ daemon }) => {
      await daemon.stop("SIGKILL");
      await daemon.start();
    },
  },
  {
    name: "the daemon is ended",
    weight: 1,
    strike: async ({ daemon }) => {
      await daemon.stop("SIGTERM");
      await daemon.start();
    },
  },
  {
    name: "containerd is killed",
    weight: 2,
    strike: async ({ daemon }) => signal(await containerdOf(daemon), "SIGKILL"),
  },
  {
    name: "containerd stands still for a while",
    weight: 1,
    strike: async ({ daemon }, random) => {
      const pid = await containerdOf(daemon);
      signal(pid, "SIGSTOP");
      try {
        // Longer than any call of the daemon to it may take, now and then.
        await delay(random.below(10) === 0 ? 60_000 : 500 + random.below(4_000));
      } finally {
        signal(pid, "SIGCONT");
      }
    },
  },
  {
    name: "a shim is killed",
    weight: 2,
    strike: async ({ daemon }, random) => {
      const shims = await processesNaming(`-address ${daemon.containerdAddress}`);
      const shim = shims[random.below(Math.max(1, shims.length))];
      if (shim !== undefined) signal(Number(shim.split(" ", 1)[0]), "SIGKILL");
    },
  },
  ...(["is slow", "fails", "dies"] as const).map((conduct) => ({
    name: `a network plugin ${conduct}`,
    weight: 1,
    strike: async (victim: Victim, random: Random) => {
      await victim.setPlugin(conduct);
      await delay(1_000 + random.below(4_000));
      await victim.setPlugin("works");
    },
  })),
  {
    name: "the disk is full",
    weight: 1,
    strike: async (victim, random) => {
      await victim.fillDisk();
      await delay(1_000 + random.below(4_000));
      await victim.freeDisk();
    },
  },
  {
    name: "the daemon may open no more files",
    weight: 1,
    strike: async ({ daemon: { pid } }, random) => {
      const open = await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`));
      const limits = await Deno.readTextFile(`/proc/${pid}/limits`);
      const usual = /^Max open files +(\d+)/m.exec(limits)?.[1];
      // The soft one alone: the hard one can't be raised again everywhere.
      const limit = (files: string | undefined) =>
        sh("prlimit", `--pid=${pid}`, `--nofile=${files}:`);
      await limit(String(open.length + 2));
      await delay(500 + random.below(2_000));
      await limit(usual);
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
