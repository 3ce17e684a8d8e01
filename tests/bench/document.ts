/**
 * What is kept of measurements: docs/performance.json with the numbers of all rounds, and the page
 * made of it. A section keeps what its last run came to, with the machine and version of that run.
 */
import { sh } from "../world/sh.ts";
import { markdownRows } from "./report.ts";
import { SECTION_NAMES, type SectionName } from "./sections/names.ts";
import type { Row } from "./statistics.ts";

const DOCS = new URL("../../docs", import.meta.url).pathname;
const NUMBERS = `${DOCS}/performance.json`;
const PAGE = `${DOCS}/performance.md`;

/** What a section came to. */
export interface Chapter {
  readonly meaning: string;
  /** A line each: hardware, kernel, containerd and runc, our version. */
  readonly machine: readonly string[];
  readonly rows: readonly Row[];
}

export type Chapters = Partial<Record<SectionName, Chapter>>;

/** Puts chapters in the place of those of the same sections, and writes the page anew. */
export async function writeChapters(chapters: Chapters): Promise<void> {
  const all = { ...await kept(), ...chapters };
  await Deno.writeTextFile(NUMBERS, `${JSON.stringify(all)}\n`);
  await Deno.writeTextFile(PAGE, pageOf(all));
  // As everything that is committed.
  await sh(Deno.execPath(), "fmt", "-q", NUMBERS, PAGE);
}

async function kept(): Promise<Chapters> {
  try {
    return JSON.parse(await Deno.readTextFile(NUMBERS));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    throw error;
  }
}

function pageOf(chapters: Chapters): string {
  const parts = SECTION_NAMES.flatMap((name) => {
    const chapter = chapters[name];
    if (chapter === undefined) return [];
    const { meaning, machine, rows } = chapter;
    return [
      `## ${name}\n\n${capital(meaning)}.\n\n${markdownRows(rows)}\n${machine.join("; ")}.\n`,
    ];
  });
  return `# Performance

Beside containerd's own CRI plugin, written by \`./dev bench --write\`: rounds in pairs, each side on a
containerd of its own with the same runc, network plugins and kind of network. A ratio is ours by
theirs, the median of the rounds, with the lowest and the highest. Only ratios compare, for the
machine did other work at the same time; where both sides wait for a processor, the one that uses
more of it waits longer.

${parts.join("\n")}`;
}

const capital = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1);
