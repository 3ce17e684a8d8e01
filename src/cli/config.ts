/** `cri-containerd config`: the default file, a check, the documentation. */
import { during } from "../base/errors.ts";
import { scrub } from "../base/redact.ts";
import { formatProblem } from "../config/check.ts";
import { configMarkdown, defaultToml } from "../config/document.ts";
import { migrateConfig } from "../config/migrate.ts";
import { inspectConfig } from "../config/load.ts";
import { print, printError } from "./output.ts";

/** Prints the default file with its comments. */
export function printDefaultConfig(): number {
  print(defaultToml());
  return 0;
}

/** Prints the page that documents every key. */
export function printConfigDocs(): number {
  print(configMarkdown());
  return 0;
}

/** Prints all problems and warnings, one a line as FILE:LINE; 1 when there are problems. */
export function checkConfig(path: string | undefined): number {
  const { files, problems, warnings } = inspectConfig(path === undefined ? {} : { path });
  for (const warning of warnings) printError(`warning: ${formatProblem(warning)}\n`);
  for (const problem of problems) printError(`error: ${formatProblem(problem)}\n`);
  if (problems.length > 0) return 1;
  print(files.length === 0 ? "No file: the defaults are used\n" : `Good: ${files.join(", ")}\n`);
  return 0;
}

/** Prints containerd's configuration of its CRI as ours; on stderr what has no counterpart. */
export async function migrate(file: string): Promise<number> {
  let text: string;
  try {
    text = await Deno.readTextFile(file);
  } catch (error) {
    throw during(`Cannot read ${file}`, error);
  }
  const { toml, missing } = migrateConfig(text, file);
  print(toml);
  for (const line of missing) printError(`no counterpart: ${scrub(line)}\n`);
  return 0;
}
