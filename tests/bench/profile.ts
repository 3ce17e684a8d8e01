/**
 * V8's profiles of the compartments while pods come and go and containers write: files for the
 * developer tools of a browser, and the functions that took the most time by themselves.
 */
import * as v from "valibot";
import { print } from "../../src/cli/output.ts";
import { COMPARTMENTS } from "../../src/compartments/start.ts";
import { CriClient } from "../world/cri_client.ts";
import { eventually } from "../world/delay.ts";
import { FROM_SOURCE } from "../world/program.ts";
import { runClient } from "./client.ts";
import { LOAD, Writers } from "./sections/logs.ts";
import { type Node, type Ours, startOurs } from "./sides.ts";

const MAIN = new URL("profiled.ts", import.meta.url).pathname;
const PODS = 20;
const WRITE_LIMIT_MS = 30_000;
const SHOWN = 8;
/** What V8 calls it when there is nothing to do, and what a profiled Worker waits for at first. */
const WAITING = ["(idle)", "op_worker_maybe_wait_for_debugger"];

const profileSchema = v.object({
  nodes: v.array(v.object({
    id: v.number(),
    callFrame: v.object({ functionName: v.string(), url: v.string(), lineNumber: v.number() }),
  })),
  samples: v.array(v.number()),
  timeDeltas: v.array(v.number()),
});

export type Profile = v.InferOutput<typeof profileSchema>;

/** Runs the load and writes `DIR/COMPARTMENT.cpuprofile` for each. */
export async function writeProfiles(node: Node, dir: string): Promise<void> {
  await Deno.mkdir(dir, { recursive: true });
  const folder = await Deno.realPath(dir);
  const [deno = "", run = "", ...flags] = FROM_SOURCE.slice(0, -1);
  const profiling = ["--cpu-prof", `--cpu-prof-dir=${folder}`];
  await using ours = await startOurs(node, { command: [deno, run, ...profiling, ...flags, MAIN] });
  await load(ours);
  Deno.kill(ours.daemon.pid, "SIGTERM");
  for (const compartment of COMPARTMENTS) {
    const path = `${folder}/${compartment}.cpuprofile`;
    print(`${path}\n${summary(await profileOf(folder, { compartment, path }))}\n`);
  }
  await ours.daemon.stop("SIGKILL");
}

async function load(ours: Ours): Promise<void> {
  using cri = new CriClient(ours.socket);
  await runClient("pods", { ...ours.flags, count: PODS });
  await new Writers(cri, ours).measure(LOAD);
}

/** Waits for a compartment's profile among those that V8 writes, and gives it its name. */
async function profileOf(
  folder: string,
  { compartment, path }: { compartment: string; path: string },
): Promise<Profile> {
  let found: Profile | undefined;
  await eventually(`the profile of ${compartment}`, async () => {
    for await (const { name } of Deno.readDir(folder)) {
      if (!/^CPU\..*worker-\d+\.cpuprofile$/.test(name)) continue;
      const profile = await readProfile(`${folder}/${name}`);
      if (profile === undefined || !isOf(profile, compartment)) continue;
      await Deno.rename(`${folder}/${name}`, path);
      found = profile;
    }
    return found !== undefined;
  }, WRITE_LIMIT_MS);
  if (found === undefined) throw new Error(`there is no profile of ${compartment}`);
  return found;
}

/** Undefined while it is being written. */
async function readProfile(path: string): Promise<Profile | undefined> {
  try {
    return v.parse(profileSchema, JSON.parse(await Deno.readTextFile(path)));
  } catch {
    return undefined;
  }
}

function isOf({ nodes }: Profile, compartment: string): boolean {
  return nodes.some(({ callFrame }) => callFrame.url.endsWith(`/compartments/${compartment}.ts`));
}

/** The functions that took the most time, in milliseconds, and how busy it was. */
export function summary({ nodes, samples, timeDeltas }: Profile): string {
  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  for (const [index, sample] of samples.entries()) {
    const name = names.get(sample) ?? "";
    times.set(name, (times.get(name) ?? 0) + (timeDeltas[index] ?? 0) / 1_000);
  }
  let idle = 0;
  for (const name of WAITING) {
    idle += times.get(name) ?? 0;
    times.delete(name);
  }
  const busy = [...times.values()].reduce((sum, ms) => sum + ms, 0);
  const top = [...times].sort(([, a], [, b]) => b - a).slice(0, SHOWN);
  const lines = top.map(([name, ms]) => `${ms.toFixed(0).padStart(8)} ms  ${name}`);
  return [`busy for ${busy.toFixed(0)} ms of ${(busy + idle).toFixed(0)}`, ...lines, ""].join("\n");
}

function nameOf({ functionName, url, lineNumber }: Profile["nodes"][number]["callFrame"]): string {
  const name = functionName === "" ? "(anonymous)" : functionName;
  const file = url.replace(/^.*\/(?=src\/)/, "");
  return url === "" ? name : `${name} ${file}:${lineNumber + 1}`;
}
