/** `./dev bench`: this daemon beside containerd's own CRI, on one machine in one run. */
import { print, printError } from "../../src/cli/output.ts";
import { buildClient, interruptClients } from "./client.ts";
import { regressions } from "./compare.ts";
import { type Chapters, writeChapters } from "./document.ts";
import { describeMachine } from "./machine.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { formatRows } from "./report.ts";
import { BUILT, givenSide, INSTALLED, type Node, startBuiltIn, startOurs } from "./sides.ts";
import { burst } from "./sections/burst.ts";
import { floor } from "./sections/floor.ts";
import { growth } from "./sections/growth.ts";
import { logs } from "./sections/logs.ts";
import type { SectionName } from "./sections/names.ts";
import { pods } from "./sections/pods.ts";
import { pull } from "./sections/pull.ts";
import { reads } from "./sections/reads.ts";
import { recovery } from "./sections/recovery.ts";
import type { Section } from "./sections/section.ts";
import { startup } from "./sections/startup.ts";
import { stats } from "./sections/stats.ts";
import { writeTrace } from "./trace.ts";
import { writeProfiles } from "./profile.ts";
import { steady } from "./sections/steady.ts";
import { streams } from "./sections/streams.ts";

const BUILD = new URL("../tools/build.sh", import.meta.url).pathname;

const SECTIONS: Readonly<Record<SectionName, Section>> = {
  pods,
  burst,
  reads,
  stats,
  steady,
  streams,
  logs,
  pull,
  startup,
  recovery,
  growth,
  floor,
};

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options === "help") {
    print(HELP);
    return 0;
  }
  if (Deno.uid() !== 0) throw new Error("it needs root, for it runs pods; try it with sudo");
  await buildClient();
  const node = options.containerd === "2.3" ? await builtNode() : INSTALLED;
  const machine = await describeMachine(node);
  print(`${machine.join("\n")}\n`);
  if (options.shows === "trace") await writeTrace(node, options.showInto);
  else if (options.shows === "profile") await writeProfiles(node, options.showInto);
  else await measure(node, { options, machine });
  return 0;
}

async function builtNode(): Promise<Node> {
  const { code } = await new Deno.Command("bash", {
    args: [BUILD, "containerd", "runc", "cni"],
    stdin: "null",
  }).spawn().status;
  if (code !== 0) throw new Error("containerd 2.3 could not be built");
  return BUILT;
}

/** What was measured is kept section by section, so that a run that ends early leaves something. */
async function measure(
  node: Node,
  { options, machine }: { options: Options; machine: readonly string[] },
): Promise<void> {
  const { sections, against, rounds, json, write, compare } = options;
  // Read first: --write may be about to replace it.
  const before: Chapters = compare === "" ? {} : JSON.parse(await Deno.readTextFile(compare));
  const note = noteOn();
  note("starting both sides");
  await using ours = await startOurs(node);
  await using theirs = against === "" ? await startBuiltIn(node) : givenSide(against);
  const chapters: Chapters = {};
  for (const name of sections) {
    const { meaning, measure } = SECTIONS[name];
    const rows = await measure({
      node,
      ours,
      theirs,
      rounds,
      note: (text) => note(`${name}: ${text}`),
    });
    note("");
    print(`\n${name}: ${meaning}\n\n${formatRows(rows)}`);
    chapters[name] = { meaning, machine, rows };
    if (json !== "") await Deno.writeTextFile(json, JSON.stringify(chapters, undefined, 2));
    if (write) await writeChapters(chapters);
  }
  if (compare === "") return;
  const worse = regressions(before, chapters);
  for (const line of worse) print(`worse than in ${compare}: ${line}\n`);
  if (worse.length === 0) print(`nothing is worse than in ${compare} by more than rounds differ\n`);
}

/** Says on a terminal what is under way, in a line that the next one replaces. */
function noteOn(): (text: string) => void {
  return Deno.stdout.isTerminal() ? (text) => print(`\r\x1b[K${text}`) : () => {};
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, interruptClients);
}
try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  printError(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  Deno.exit(2);
}
