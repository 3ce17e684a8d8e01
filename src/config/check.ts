/** Holds what a TOML file says against the table, and says everything that is wrong with it. */
import { parse, TomlError } from "smol-toml";
import { type AnyField, type Named, type Node, type Section, type Shape } from "./field.ts";
import { lineOf, type Lines, locateKeys } from "./locate.ts";
import { nearest } from "./nearest.ts";
import { oldRegistries } from "./old_registries.ts";
import { TABLE } from "./table.ts";

/** Something wrong, or odd, at a place in a file. Line 0 is the file as a whole. */
export interface Problem {
  file: string;
  line: number;
  /** The key as users write it: `containerd.runtimes.runc.type`; "" where it is about the file. */
  key: string;
  text: string;
}

/** An accepted value and where it was written. */
export interface Setting {
  path: readonly string[];
  value: unknown;
  file: string;
  line: number;
}

/** The settings of one file, in the order of the file, and what is wrong in it. */
export interface Checked {
  settings: Setting[];
  problems: Problem[];
}

/** "FILE:LINE: key: text", as compilers and editors have it. */
export function formatProblem(problem: Problem): string {
  const place = problem.line > 0 ? `${problem.file}:${problem.line}` : problem.file;
  return problem.key === ""
    ? `${place}: ${problem.text}`
    : `${place}: ${problem.key}: ${problem.text}`;
}

/** Parses and checks one file's text. `file` is its name in problems. */
export function checkText(toml: string, file: string): Checked {
  let values: unknown;
  try {
    values = parse(toml);
  } catch (error) {
    return { settings: [], problems: [syntaxProblem(error, file)] };
  }
  return checkValues(values, { file, lines: locateKeys(toml) });
}

/** Checks values that didn't come from a text, such as those of flags. */
export function checkValues(values: unknown, source: { file: string; lines?: Lines }): Checked {
  const check = new Check(source.file, source.lines ?? new Map());
  check.section(TABLE, values, []);
  return { settings: check.settings, problems: check.problems };
}

function syntaxProblem(error: unknown, file: string): Problem {
  if (!(error instanceof TomlError)) throw error;
  // The parser's message repeats the lines of the file below its first line.
  const [first = ""] = error.message.split("\n");
  const text = first.replace(/^Invalid TOML document: /, "");
  return { file, line: error.line, key: "", text: `not valid TOML: ${text}` };
}

class Check {
  readonly settings: Setting[] = [];
  readonly problems: Problem[] = [];
  readonly #file: string;
  readonly #lines: Lines;

  constructor(file: string, lines: Lines) {
    this.#file = file;
    this.#lines = lines;
  }

  section(section: Section<Shape>, value: unknown, path: string[]): void {
    if (!isTable(value)) {
      this.#refuse(path, `must be a table, but is ${show(value)}`);
      return;
    }
    for (const [key, entry] of Object.entries(value)) {
      const node = Object.hasOwn(section.keys, key) ? section.keys[key] : undefined;
      const here = [...path, key];
      if (node === undefined) {
        const old = oldRegistries(here, entry, registryFolder());
        this.#refuse(here, old ?? unknownKey(key, path, section.keys));
      } else this.#node(node, entry, here);
    }
  }

  #node(node: Node, value: unknown, path: string[]): void {
    if (node.node === "section") this.section(node, value, path);
    else if (node.node === "named") this.#named(node, value, path);
    else this.#field(node, value, path);
  }

  #named(named: Named<Shape>, value: unknown, path: string[]): void {
    if (!isTable(value)) {
      this.#refuse(path, `must hold tables such as [${showKey([...path, "NAME"])}]`);
      return;
    }
    for (const [name, entry] of Object.entries(value)) {
      const here = [...path, name];
      if (!named.name.test(name)) {
        this.#refuse(here, `the name must be ${named.allowedName}`);
        continue;
      }
      // An empty table counts as well: it names a runtime that has only defaults.
      this.settings.push(this.#setting(here, undefined));
      this.section({ node: "section", meaning: named.meaning, keys: named.keys }, entry, here);
    }
  }

  #field(field: AnyField, value: unknown, path: string[]): void {
    const read = field.read(value);
    if (read !== undefined) {
      this.settings.push(this.#setting(path, read));
      return;
    }
    const near = typeof value === "string" ? nearest(value, field.choices ?? []) : undefined;
    const hint = near === undefined ? "" : `; did you mean ${JSON.stringify(near)}?`;
    this.#refuse(path, `must be ${field.allowed}, but is ${show(value)}${hint}`);
  }

  #setting(path: string[], value: unknown): Setting {
    return { path, value, file: this.#file, line: lineOf(this.#lines, path) };
  }

  #refuse(path: string[], text: string): void {
    const line = lineOf(this.#lines, path);
    this.problems.push({ file: this.#file, line, key: showKey(path), text });
  }
}

/** Where they are looked for unless something else is written; good enough for advice. */
function registryFolder(): string {
  return TABLE.keys.images.keys.registry_config.default.toString();
}

/** "unknown key" with what was probably meant and what there is. */
function unknownKey(key: string, path: readonly string[], keys: Shape): string {
  const known = Object.keys(keys);
  const elsewhere = path.length === 0
    ? Object.entries(TABLE.keys).filter(([, node]) =>
      node.node === "section" && Object.hasOwn(node.keys, key)
    ).map(([name]) => `in [${name}]`)
    : Object.hasOwn(TABLE.keys, key)
    ? ["at the top of the file, before the first [table]"]
    : [];
  if (elsewhere.length > 0) return `unknown here; it belongs ${elsewhere.join(" or ")}`;
  const near = nearest(key, known);
  const hint = near === undefined ? "" : `; did you mean ${near}?`;
  return `unknown key${hint} (known here: ${known.join(", ")})`;
}

/** A key as users write it, quoted where TOML asks for it. */
export function showKey(path: readonly string[]): string {
  return path.map((part) => /^[A-Za-z0-9_-]+$/.test(part) ? part : JSON.stringify(part)).join(".");
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Date);
}

/** A value of the file, short enough for a message. */
function show(value: unknown): string {
  if (value instanceof Date) return "a date";
  if (isTable(value)) return "a table";
  const json = JSON.stringify(value) ?? String(value);
  return json.length > 80 ? `${json.slice(0, 77)}…` : json;
}
