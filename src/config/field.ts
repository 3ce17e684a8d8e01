/** The kinds of keys that the configuration's table is made of. */
import { formatDuration, parseDuration } from "./duration.ts";

/** The two folders that other keys' defaults lie in. */
export interface Folders {
  root: string;
  state: string;
}

/** One key: what it holds, when nothing is said, and what is accepted. */
export interface Field<T> {
  readonly node: "field";
  /** For people: "path", "duration", "list of paths". */
  readonly type: string;
  readonly default: T | ((folders: Folders) => T);
  /** What the key does, in full sentences. */
  readonly meaning: string;
  /** What is accepted, to be read after "must be". */
  readonly allowed: string;
  /** What documentation adds to the meaning: bounds, choices, what "" means. */
  readonly bounds: string;
  /** The words that can be written here, for choices. */
  readonly choices?: readonly string[];
  /** The value of what TOML gave; undefined when it isn't acceptable. */
  read(value: unknown): T | undefined;
  /** A value as JSON and TOML write it alike. */
  write(value: T): string;
}

/** A TOML table with known keys. */
export interface Section<S> {
  readonly node: "section";
  readonly meaning: string;
  readonly keys: S;
}

/** A TOML table of tables whose names the user chooses, such as `[containerd.runtimes.NAME]`. */
export interface Named<S> {
  readonly node: "named";
  readonly meaning: string;
  /** The keys of each of the tables. */
  readonly keys: S;
  /** Names that exist without being written. */
  readonly always: readonly string[];
  /** What a name must be, and its test. */
  readonly allowedName: string;
  readonly name: RegExp;
}

/** Anything that a table holds, when its exact type doesn't matter. */
export type Node = AnyField | Section<Shape> | Named<Shape>;
export type Shape = { readonly [key: string]: Node };
/** A field of any type. `write` is a method, hence bivariant: it is only given its own values. */
export type AnyField = Field<unknown>;

/** The type of the values that a node describes. */
export type ValueOf<N> = N extends Field<infer T> ? T
  : N extends Section<infer S> ? { readonly [K in keyof S]: ValueOf<S[K]> }
  : N extends Named<infer S> ? ReadonlyMap<string, { readonly [K in keyof S]: ValueOf<S[K]> }>
  : never;

interface Common<T> {
  default: T | ((folders: Folders) => T);
  meaning: string;
}

/** A table with known keys. */
export function section<const S extends Shape>(meaning: string, keys: S): Section<S> {
  return { node: "section", meaning, keys };
}

/** true or false. */
export function flag(o: Common<boolean>): Field<boolean> {
  return field(o, {
    type: "boolean",
    allowed: "true or false",
    read: (value) => typeof value === "boolean" ? value : undefined,
  });
}

/** Text of a certain form. */
export function text(o: Common<string> & { allowed?: string; form?: RegExp }): Field<string> {
  const form = o.form ?? /^\P{Cc}*$/u;
  return field(o, {
    type: "string",
    allowed: o.allowed ?? "a string",
    read: (value) => typeof value === "string" && form.test(value) ? value : undefined,
  });
}

/** One of a few words. */
export function choice<const C extends readonly string[]>(
  o: Common<C[number]> & { choices: C },
): Field<C[number]> {
  const words = o.choices.map((word) => JSON.stringify(word)).join(", ");
  return {
    ...field<C[number]>(o, {
      type: "string",
      allowed: `one of ${words}`,
      bounds: `One of ${words}.`,
      read: (value) => o.choices.find((word) => word === value),
    }),
    choices: o.choices,
  };
}

/** A whole number in closed bounds. */
export function integer(o: Common<number> & { min: number; max: number }): Field<number> {
  const { min, max } = o;
  return field(o, {
    type: "integer",
    allowed: `a whole number from ${min} to ${max}`,
    bounds: `From ${min} to ${max}.`,
    read: (value) =>
      typeof value === "number" && Number.isInteger(value) && value >= min && value <= max
        ? value
        : undefined,
  });
}

/** A duration, written as text with units and held in milliseconds; bounds are closed. */
export function duration(o: Common<number> & { min: number; max: number }): Field<number> {
  const { min, max } = o;
  const range = `${formatDuration(min)} to ${formatDuration(max)}`;
  return {
    ...field(o, {
      type: "duration",
      allowed: `a duration such as "30s", "5m" or "1h30m", from ${range}`,
      bounds: `From ${range}.`,
      read: (value) => {
        const ms = typeof value === "string" ? parseDuration(value) : undefined;
        return ms !== undefined && ms >= min && ms <= max ? ms : undefined;
      },
    }),
    write: (ms) => JSON.stringify(formatDuration(ms)),
  };
}

/** An absolute path, held without a slash at its end; with `empty`, what "" means. */
export function path(o: Common<string> & { empty?: string }): Field<string> {
  const isFree = o.empty !== undefined;
  const allowed = 'an absolute path without "." and ".." parts';
  return field(o, {
    type: "path",
    allowed: isFree ? `${allowed}, or "" for ${o.empty}` : allowed,
    bounds: isFree ? `"" means ${o.empty}.` : "",
    read: (value) => isFree && value === "" ? value : readPath(value),
  });
}

/** A list of at least one absolute path, each once. */
export function paths(o: Common<readonly string[]>): Field<readonly string[]> {
  return field(o, {
    type: "list of paths",
    allowed: 'a list of at least one absolute path without "." and ".." parts, each once',
    read: (value) => {
      const list = readList(value, readPath);
      return list?.length === 0 ? undefined : list;
    },
  });
}

/** A list of strings, each once. */
export function texts(o: Common<readonly string[]>): Field<readonly string[]> {
  return field(o, {
    type: "list of strings",
    allowed: "a list of strings, each once and none empty",
    read: (value) =>
      readList(value, (entry) => typeof entry === "string" && entry !== "" ? entry : undefined),
  });
}

/** HOST:PORT to listen on; with `empty`, what "" means. */
export function address(o: Common<string> & { empty?: string }): Field<string> {
  const isFree = o.empty !== undefined;
  const allowed = 'an IP address or host name with a port, such as "127.0.0.1:0" or "[::1]:1338"';
  return field(o, {
    type: "address",
    allowed: isFree ? `${allowed}, or "" for ${o.empty}` : allowed,
    bounds: isFree ? `"" means ${o.empty}.` : "",
    read: (value) =>
      typeof value === "string" && (isAddress(value) || (isFree && value === ""))
        ? value
        : undefined,
  });
}

/** HOST:PORT, or the path of a unix socket, to listen on; `empty` is what "" means. */
export function endpoint(o: Common<string> & { empty: string }): Field<string> {
  return field(o, {
    type: "address",
    allowed: 'an IP address or host name with a port, such as "127.0.0.1:9100", or the absolute ' +
      `path of a unix socket, or "" for ${o.empty}`,
    bounds: `"" means ${o.empty}.`,
    read: (value) =>
      typeof value === "string" && (value === "" || isAddress(value) || isSocketPath(value))
        ? value
        : undefined,
  });
}

/** A value in a table of free keys. */
export type Scalar = string | number | boolean;

/** A table whose keys are not ours, with plain values. */
export function scalars(o: Common<ReadonlyMap<string, Scalar>>): Field<
  ReadonlyMap<string, Scalar>
> {
  return {
    ...field(o, {
      type: "table",
      allowed: "a table of strings, whole numbers and booleans",
      read: readScalars,
    }),
    write: (map) => {
      const entries = [...map].map(([key, value]) =>
        `${JSON.stringify(key)} = ${JSON.stringify(value)}`
      );
      return entries.length === 0 ? "{}" : `{ ${entries.join(", ")} }`;
    },
  };
}

function field<T>(
  o: Common<T>,
  kind: { type: string; allowed: string; bounds?: string; read(value: unknown): T | undefined },
): Field<T> {
  return {
    node: "field",
    type: kind.type,
    default: o.default,
    meaning: o.meaning,
    allowed: kind.allowed,
    bounds: kind.bounds ?? "",
    read: kind.read,
    write: writeValue,
  };
}

function writeValue(value: unknown): string {
  return Array.isArray(value)
    ? `[${value.map((entry) => JSON.stringify(entry)).join(", ")}]`
    : JSON.stringify(value);
}

/**
 * An absolute path without "." and ".." parts, doubled slashes and a slash at the end, so that a
 * comparison of beginnings tells what lies where.
 */
function readPath(value: unknown): string | undefined {
  if (typeof value !== "string" || !/^\/\P{Cc}+$/u.test(value)) return undefined;
  const parts = value.split("/").filter((part) => part !== "");
  if (parts.length === 0 || parts.includes(".") || parts.includes("..")) return undefined;
  return `/${parts.join("/")}`;
}

function isAddress(value: string): boolean {
  const match = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):(\d{1,5})$/.exec(value);
  return match !== null && Number(match[1]) <= 65_535;
}

function isSocketPath(value: string): boolean {
  return /^\/[^\0]+$/.test(value) && !value.endsWith("/");
}

function readList(
  value: unknown,
  read: (entry: unknown) => string | undefined,
): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const entries = value.map(read).filter((entry) => entry !== undefined);
  return entries.length === new Set(value).size && entries.length === value.length
    ? entries
    : undefined;
}

function readScalars(value: unknown): ReadonlyMap<string, Scalar> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const map = new Map<string, Scalar>();
  for (const [key, entry] of Object.entries(value)) {
    const isPlain = typeof entry === "string" || typeof entry === "boolean" ||
      (typeof entry === "number" && Number.isInteger(entry));
    if (!isPlain) return undefined;
    map.set(key, entry);
  }
  return map;
}
