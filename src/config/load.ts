/**
 * Reads the configuration: the main file, then the drop-ins beside it in order of name, then
 * flags. A later source replaces single keys of an earlier one; lists are replaced whole.
 */
import { CriError } from "../base/errors.ts";
import {
  type Checked,
  checkText,
  checkValues,
  formatProblem,
  type Problem,
  type Setting,
  showKey,
} from "./check.ts";
import type { AnyField, Folders, Named, Node, Section, Shape } from "./field.ts";
import { findConflicts, type Finding, findOddities } from "./rules.ts";
import { type Config, TABLE } from "./table.ts";

/** The file that is read when none is named. It needn't exist. */
export const DEFAULT_CONFIG_PATH = "/etc/cri-containerd/config.toml";

/** More than anybody writes by hand: a wrong file is told from a big one. */
const MAX_FILE_BYTES = 1_048_576;

export interface ConfigSources {
  /** The main file. Unlike the default one, a file that is named must exist. */
  path?: string;
  /** The folder of drop-ins (`*.toml`); by default `conf.d` beside the main file. */
  dropInDir?: string;
  /** What flags say, in the shape of the file; overrides every file. */
  overrides?: Record<string, unknown>;
}

export interface LoadedConfig {
  config: Config;
  /** The files that were read, in the order of their weight. */
  files: string[];
  /** What is accepted but probably not meant. */
  warnings: Problem[];
}

/**
 * Reads and checks the configuration.
 *
 * @throws CriError notFound when a named file isn't there, permissionDenied when one can't be
 * read, invalidArgument with every problem of all files, one a line
 */
export function loadConfig(sources: ConfigSources = {}): LoadedConfig {
  const { config, files, problems, warnings } = inspectConfig(sources);
  if (config === undefined) {
    const list = problems.map(formatProblem).join("\n  ");
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    throw new CriError("invalidArgument", `The configuration has ${count}:\n  ${list}`);
  }
  return { config, files, warnings };
}

/** What {@link inspectConfig} finds; `config` is missing when there are problems. */
export interface Inspection {
  config: Config | undefined;
  files: string[];
  problems: Problem[];
  warnings: Problem[];
}

/** Like {@link loadConfig}, but hands back what is wrong instead of throwing it. */
export function inspectConfig(sources: ConfigSources = {}): Inspection {
  const files = configFiles(sources);
  const checked = files.map((file) => checkText(readText(file), file));
  if (sources.overrides !== undefined) {
    checked.push(checkValues(sources.overrides, { file: "command line" }));
  }
  return { ...inspect(checked), files };
}

/** The configuration of one text, without any file; for tests and for what is generated. */
export function parseConfig(toml: string, file = "config.toml"): Inspection {
  return { ...inspect([checkText(toml, file)]), files: [file] };
}

/** The configuration when nothing is written anywhere. */
export function defaultConfig(): Config {
  return buildConfig([]);
}

function inspect(checked: Checked[]): Omit<Inspection, "files"> {
  const settings = checked.flatMap((file) => file.settings);
  const problems = checked.flatMap((file) => file.problems);
  if (problems.length > 0) return { config: undefined, problems, warnings: [] };
  const config = buildConfig(settings);
  const place = (finding: Finding) => placed(finding, settings);
  const conflicts = findConflicts(config).map(place);
  if (conflicts.length > 0) return { config: undefined, problems: conflicts, warnings: [] };
  const isWritten = (...path: string[]) => findSetting(settings, path) !== undefined;
  return { config, problems: [], warnings: findOddities(config, isWritten).map(place) };
}

function placed(finding: Finding, settings: Setting[]): Problem {
  const setting = findSetting(settings, finding.path);
  return {
    file: setting?.file ?? "defaults",
    line: setting?.line ?? 0,
    key: showKey(finding.path),
    text: finding.text,
  };
}

function configFiles(sources: ConfigSources): string[] {
  const path = sources.path ?? DEFAULT_CONFIG_PATH;
  const files = [];
  if (sources.path !== undefined || exists(path)) files.push(path);
  const dir = sources.dropInDir ?? path.replace(/[^/]*$/, "conf.d");
  let names: string[] = [];
  try {
    names = [...Deno.readDirSync(dir)].map((entry) => entry.name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw unreadable(dir, error);
  }
  const dropIns = names.filter((name) => /^[^.].*\.toml$/.test(name)).sort();
  return [...files, ...dropIns.map((name) => `${dir}/${name}`)];
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw unreadable(path, error);
  }
}

function readText(file: string): string {
  try {
    const { size, isFile } = Deno.statSync(file);
    if (!isFile || size > MAX_FILE_BYTES) {
      throw new CriError(
        "invalidArgument",
        `The configuration ${file} is not a file of at most ${MAX_FILE_BYTES} bytes`,
      );
    }
    return new TextDecoder("utf-8", { fatal: true }).decode(Deno.readFileSync(file));
  } catch (error) {
    if (error instanceof TypeError) {
      throw new CriError("invalidArgument", `The configuration ${file} is not UTF-8 text`);
    }
    throw unreadable(file, error);
  }
}

function unreadable(path: string, error: unknown): unknown {
  if (error instanceof Deno.errors.NotFound) {
    return new CriError("notFound", `There is no configuration file ${path}`, {
      remedy: "`cri-containerd config default` prints one to start from",
    });
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return new CriError("permissionDenied", `The configuration ${path} can't be read`, {
      cause: error,
    });
  }
  return error;
}

function buildConfig(settings: readonly Setting[]): Config {
  const builder = new Builder(settings);
  // The table gives both the type and every value's reader: what is built has the table's type.
  return builder.section(TABLE, []) as Config;
}

class Builder {
  readonly #settings: readonly Setting[];
  readonly #folders: Folders = { root: "", state: "" };

  constructor(settings: readonly Setting[]) {
    this.#settings = settings;
    // In this order: the default of neither asks for the other.
    this.#folders.root = String(this.#field(TABLE.keys.root, ["root"]));
    this.#folders.state = String(this.#field(TABLE.keys.state, ["state"]));
  }

  section(section: Section<Shape>, path: string[]): Record<string, unknown> {
    const entries = Object.entries(section.keys).map((
      [key, node],
    ) => [key, this.#node(node, [...path, key])]);
    return Object.fromEntries(entries);
  }

  #node(node: Node, path: string[]): unknown {
    if (node.node === "section") return this.section(node, path);
    if (node.node === "named") return this.#named(node, path);
    return this.#field(node, path);
  }

  #named(named: Named<Shape>, path: string[]): Map<string, unknown> {
    const written = this.#settings.filter((setting) =>
      setting.path.length === path.length + 1 && startsWith(setting.path, path)
    );
    const names = new Set([
      ...named.always,
      ...written.map((setting) => setting.path.at(-1) ?? ""),
    ]);
    const section: Section<Shape> = { node: "section", meaning: "", keys: named.keys };
    return new Map([...names].map((name) => [name, this.section(section, [...path, name])]));
  }

  #field(field: AnyField, path: string[]): unknown {
    const setting = findSetting(this.#settings, path);
    if (setting !== undefined) return setting.value;
    return typeof field.default === "function" ? field.default(this.#folders) : field.default;
  }
}

/** The last setting of a key: later sources weigh more. */
function findSetting(settings: readonly Setting[], path: readonly string[]): Setting | undefined {
  return settings.findLast((setting) =>
    setting.path.length === path.length && startsWith(setting.path, path)
  );
}

function startsWith(path: readonly string[], start: readonly string[]): boolean {
  return start.every((part, i) => path[i] === part);
}
