/** `./dev bench`: this daemon beside containerd's own CRI, on one machine in one run. */
import { print, printError } from "../../src/cli/output.ts";
import { buildClient } from "./client.ts";
import { describeMachine } from "./machine.ts";
import { HELP, type Options, parseOptions } from "./options.ts";
import { formatRows, markdownRows } from "./report.ts";
import { BUILT, givenSide, INSTALLED, type Node, startBuiltIn, startOurs } from "./sides.ts";
import type { Row } from "./statistics.ts";
import { burst } from "./sections/burst.ts";
import { floor } from "./sections/floor.ts";
import type { SectionName } from "./sections/names.ts";
import { pods } from "./sections/pods.ts";
import { reads } from "./sections/reads.ts";
import { recovery } from "./sections/recovery.ts";
import type { Section } from "./sections/section.ts";
import { startup } from "./sections/startup.ts";
import { stats } from "./sections/stats.ts";
import { writeTrace } from "./trace.ts";
import { steady } from "./sections/steady.ts";
import { streams } from "./sections/streams.ts";

const DOCUMENT = new URL("../../docs/performance.md", import.meta.url).pathname;
const BUILD = new URL("../tools/build.sh", import.meta.url).pathname;

const SECTIONS: Readonly<Record<SectionName, Section>> = {
  pods,
  burst,
  reads,
  stats,
  steady,
  streams,
  startup,
  recovery,
  floor,
};

/** What a section came to. */
interface Chapter {
  readonly name: SectionName;
  readonly meaning: string;
  readonly rows: readonly Row[];
}

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
  if (options.trace) {
    await writeTrace(node, options.json);
    return 0;
  }
  const chapters = await measure(node, options);
  if (options.json !== "") {
    await Deno.writeTextFile(options.json, JSON.stringify({ machine, chapters }, undefined, 2));
  }
  if (options.write) await Deno.writeTextFile(DOCUMENT, documentOf(machine, chapters));
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

async function measure(node: Node, { sections, against, rounds }: Options): Promise<Chapter[]> {
  const note = noteOn();
  note("starting both sides");
  await using ours = await startOurs(node);
  await using theirs = against === "" ? await startBuiltIn(node) : givenSide(against);
  const chapters: Chapter[] = [];
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
    chapters.push({ name, meaning, rows });
  }
  return chapters;
}

/** Says on a terminal what is under way, in a line that the next one replaces. */
function noteOn(): (text: string) => void {
  return Deno.stdout.isTerminal() ? (text) => print(`\r\x1b[K${text}`) : () => {};
}

function documentOf(machine: readonly string[], chapters: readonly Chapter[]): string {
  const parts = chapters.map(({ name, meaning, rows }) =>
    `## ${name}\n\n${capital(meaning)}.\n\n${markdownRows(rows)}`
  );
  return `# Performance

Beside containerd's own CRI plugin, measured in one run by \`./dev bench --write\`: rounds in pairs,
each side on a containerd of its own with the same runc, network plugins and kind of network. A
ratio is ours by theirs, the median of the rounds, with the lowest and the highest; only ratios
compare, for the machine is shared.

${machine.map((line) => `- ${line}\n`).join("")}
${parts.join("\n")}`;
}

const capital = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1);

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  printError(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  Deno.exit(2);
}
