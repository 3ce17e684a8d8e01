/** `cri-containerd doctor`: is this node fit for pods, and if not, what to do. */
import { configureLogging } from "../base/logging.ts";
import { scrub } from "../base/redact.ts";
import { examine } from "../doctor/doctor.ts";
import { type Finding, type Level, LEVELS, worstOf } from "../doctor/finding.ts";
import { supportFiles } from "../doctor/support.ts";
import { withThisNode } from "../doctor/this_node.ts";
import { tarEnd, tarFile } from "../images/tar_writer.ts";
import { type Colour, inColour, isColourful } from "./colours.ts";
import { print, printJson } from "./output.ts";
import { replaceFile } from "./replace_file.ts";
import { VERSION } from "./version.ts";

export interface DoctorFlags {
  config?: string;
  json?: boolean;
  bundle?: string;
}

/** By the worst finding. 2 is that of a wrong call, as everywhere. */
const EXIT_CODES: Readonly<Record<Level, number>> = { ok: 0, warn: 3, fail: 1 };

const COLOURS: Readonly<Record<Level, Colour>> = { ok: "green", warn: "yellow", fail: "red" };

/** Where a finding is explained. */
const DOCS = "docs/troubleshoot.md";

/** Prints a line for each finding, with its remedy; the exit code is that of the worst. */
export async function runDoctor(o: DoctorFlags): Promise<number> {
  configureLogging({ level: "error", format: "text" });
  return await withThisNode(o.config, async (node) => {
    const findings = await examine(node);
    if (o.json === true) {
      printJson(findings.map((finding) => ({ ...finding, docs: link(finding) })));
    } else for (const finding of findings) print(describe(finding, isColourful()));
    if (o.bundle !== undefined) {
      const files = await supportFiles(node, { version: VERSION, findings });
      await replaceFile(o.bundle, packed(files), 0o600);
      if (o.json !== true) {
        print(`\n${o.bundle} has what a report of a fault needs, and no secrets.\n`);
      }
    }
    const worst = worstOf(findings);
    if (o.json !== true) print(`\n${summary(findings)}\n`);
    return EXIT_CODES[worst];
  });
}

/** "warn  Only 7 % …" and, below, what to do and where to read on. */
export function describe(finding: Finding, isColourful = false): string {
  const { level, text, remedy } = finding;
  const word = level.padEnd(4);
  const mark = isColourful ? inColour(word, COLOURS[level]) : word;
  const advice = remedy === "" ? "" : `      ${scrub(remedy)} (${link(finding)})\n`;
  return `${mark}  ${scrub(text)}\n${advice}`;
}

function link({ check }: Finding): string {
  return `${DOCS}#${check}`;
}

function summary(findings: readonly Finding[]): string {
  return LEVELS.map((level) => `${findings.filter((one) => one.level === level).length} ${level}`)
    .join(", ");
}

async function* packed(files: ReadonlyMap<string, string>): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  const tar = async function* () {
    for (const [name, text] of files) yield* tarFile(`support/${name}`, encoder.encode(text));
    yield tarEnd();
  };
  const bytes = ReadableStream.from(tar()).pipeThrough(
    new TransformStream<Uint8Array, BufferSource>({
      transform: (piece, out) => out.enqueue(new Uint8Array(piece)),
    }),
  );
  yield* bytes.pipeThrough(new CompressionStream("gzip"));
}
