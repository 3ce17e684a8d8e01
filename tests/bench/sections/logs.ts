/** What containers write, until it lies in their logs. */
import { CriClient } from "../../world/cri_client.ts";
import { eventually } from "../../world/delay.ts";
import { sh } from "../../world/sh.ts";
import type { Side } from "../sides.ts";
import { atLeast, atMost, type Row } from "../statistics.ts";
import { inPairs, type Round, rowOf, type Section } from "./section.ts";

const ROUNDS = 3;
const MIB = 1024 * 1024;
const GB = 1e9;
/** With its end a line is as long as many that services write. */
const LINE = "x".repeat(127);
const CASES = [
  { name: "one", containers: 1, bytes: 256 * MIB },
  { name: "twenty", containers: 20, bytes: 32 * MIB },
] as const;
const LIMIT_MS = 120_000;
/** Looks at logs that don't grow before what is missing in them counts as lost. */
const STILL = 25;
const EXITED = 2;

/** Messages as the client's `fromPartial` takes them: members that are left out have defaults. */
// deno-lint-ignore no-explicit-any -- the generated types ask for every member
const partial = (message: object): any => message;

/** What {@link Writers} write, where only that they write matters. */
export const LOAD: Load = { containers: 2, bytes: 64 * MIB };

interface Load {
  readonly containers: number;
  /** Of each. */
  readonly bytes: number;
}

/** One pod whose containers write as fast as they are read. */
export class Writers {
  readonly #logDir: string;

  constructor(
    private readonly cri: CriClient,
    private readonly side: Side,
  ) {
    this.#logDir = `${side.flags["log-dir"]}/logs`;
  }

  /** MB a second of all together, CPU seconds a GB, and lines that are missing. */
  async measure({ containers, bytes }: Load) {
    const { cri } = this;
    const { podId, ids } = await this.#make(containers, bytes);
    try {
      const cpuBefore = await this.side.cpuMs();
      const began = performance.now();
      await Promise.all(ids.map((containerId) => cri.call("startContainer", { containerId })));
      await eventually("the containers' end", async () => {
        const { containers } = await cri.call("listContainers", {
          filter: partial({ podSandboxId: podId, state: { state: EXITED } }),
        });
        return containers.length === ids.length;
      }, LIMIT_MS);
      const seconds = (performance.now() - began) / 1000;
      const all = ids.length * bytes;
      const lost = all / (LINE.length + 1) - await this.#lines();
      const cpuSeconds = (await this.side.cpuMs() - cpuBefore) / 1000;
      return { rate: all / 1e6 / seconds, cpu: cpuSeconds / (all / GB), lost };
    } finally {
      await cri.call("stopPodSandbox", { podSandboxId: podId });
      await cri.call("removePodSandbox", { podSandboxId: podId });
      await Deno.remove(this.#logDir, { recursive: true });
    }
  }

  async #make(containers: number, bytes: number): Promise<{ podId: string; ids: string[] }> {
    const { cri, side: { flags } } = this;
    const config = partial({
      metadata: { name: "logs", uid: crypto.randomUUID(), namespace: "bench", attempt: 0 },
      logDirectory: this.#logDir,
      linux: { cgroupParent: String(flags["cgroup-parent"]) },
    });
    const { podSandboxId } = await cri.call("runPodSandbox", { config });
    const ids: string[] = [];
    for (let number = 0; number < containers; number++) {
      const container = partial({
        metadata: { name: `writer-${number}`, attempt: 0 },
        image: { image: String(flags.image) },
        command: ["sh", "-c", `busybox yes ${LINE} | busybox head -c ${bytes}`],
        logPath: `${number}.log`,
        linux: {},
      });
      const request = { podSandboxId, config: container, sandboxConfig: config };
      ids.push((await cri.call("createContainer", request)).containerId);
    }
    return { podId: podSandboxId, ids };
  }

  /** Lines in all logs, once they grow no more. */
  async #lines(): Promise<number> {
    const names = await Array.fromAsync(Deno.readDir(this.#logDir), ({ name }) => name);
    const paths = names.map((name) => `${this.#logDir}/${name}`);
    let size = -1;
    let still = 0;
    await eventually("logs that lie still", async () => {
      const before = size;
      const sizes = await Promise.all(paths.map(async (path) => (await Deno.stat(path)).size));
      size = sizes.reduce((sum, one) => sum + one, 0);
      still = size === before ? still + 1 : 0;
      return still === STILL;
    }, LIMIT_MS);
    // A line a path, and one for all of them when there are several.
    const counts = (await sh("wc", "-l", ...paths)).trim().split("\n");
    return Number.parseInt(counts.at(-1)?.trim() ?? "", 10);
  }
}

async function measureRound(cri: CriClient, side: Side): Promise<Round> {
  const round: Record<string, number> = {};
  for (const { name, ...load } of CASES) {
    const { rate, cpu, lost } = await new Writers(cri, side).measure(load);
    Object.assign(round, { [name]: rate, [`${name}Cpu`]: cpu, [`${name}Lost`]: lost });
  }
  return round;
}

export const logs: Section = {
  meaning: "lines of 128 bytes, written as fast as they are taken, from the containers' start to " +
    "their end: 256 MiB of one container, and 32 MiB of each of twenty; CPU is that of the server " +
    "and its containerd",
  measure: async (arena): Promise<Row[]> => {
    using own = new CriClient(arena.ours.socket);
    using other = new CriClient(arena.theirs.socket);
    const pairs = await inPairs(
      arena,
      ROUNDS,
      (side) => measureRound(side === arena.ours ? own : other, side),
    );
    return CASES.flatMap(({ name, containers }) => {
      const who = containers === 1 ? "one container" : `${containers} containers`;
      return [
        rowOf(pairs, { name, what: who, unit: "MB/s", goal: atLeast(2) }),
        rowOf(pairs, { name: `${name}Cpu`, what: `${who}, CPU a GB`, unit: "s", goal: atMost(1) }),
        rowOf(pairs, { name: `${name}Lost`, what: `${who}, lost`, unit: "lines" }),
      ];
    });
  },
};
