/**
 * containerd's configuration of its own CRI (config.toml from version 2 on) as ours. What is said
 * there and can't be said here is listed, so that nobody misses it later.
 */
import { parse, stringify, type TomlTable } from "smol-toml";
import * as v from "valibot";
import { CriError } from "../base/errors.ts";
import { parseConfig } from "./load.ts";
import { formatProblem } from "./check.ts";
import { IGNORED, type Move, MOVES, RUNTIME_MOVES } from "./migrate_table.ts";

export interface Migration {
  /** A file of ours. */
  readonly toml: string;
  /** What has no counterpart, and what to do about it, a line each. */
  readonly missing: readonly string[];
}

/** The tables in which containerd keeps the keys of its CRI: version 2 in one, later ones in three. */
const PLUGINS = [
  "io.containerd.grpc.v1.cri",
  "io.containerd.cri.v1.runtime",
  "io.containerd.cri.v1.images",
];

const Document = v.looseObject({
  version: v.optional(v.number(), 1),
  grpc: v.optional(v.looseObject({ address: v.optional(v.string()) })),
  metrics: v.optional(v.looseObject({ address: v.optional(v.string()) })),
  plugins: v.optional(v.record(v.string(), v.unknown()), {}),
});

/** @throws CriError invalidArgument for what isn't TOML, or of another version */
export function migrateConfig(text: string, file: string): Migration {
  const { version, plugins, grpc, metrics } = read(text, file);
  if (version < 2) {
    throw new CriError("invalidArgument", `${file} is of version ${version}, older than 2`, {
      remedy: "`containerd config migrate` brings it up to date",
    });
  }
  const ours = new Target();
  if (grpc?.address !== undefined) ours.set(["containerd", "address"], grpc.address);
  if (metrics?.address) ours.set(["metrics", "address"], metrics.address);
  for (const name of PLUGINS) {
    const plugin = plugins[name];
    if (isTable(plugin)) moveTable(ours, { table: plugin, path: [], plugin: name });
  }
  const toml = stringify(ours.table);
  const { problems } = parseConfig(toml, "the result");
  return { toml, missing: [...ours.missing, ...problems.map(formatProblem)] };
}

function read(text: string, file: string): v.InferOutput<typeof Document> {
  try {
    return v.parse(Document, parse(text));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CriError("invalidArgument", `${file} can't be read as TOML: ${reason}`);
  }
}

interface Place {
  readonly table: Record<string, unknown>;
  readonly path: readonly string[];
  readonly plugin: string;
}

function moveTable(ours: Target, { table, path, plugin }: Place): void {
  for (const [key, value] of Object.entries(table)) {
    const here = [...path, key];
    const name = here.join(".");
    if (name === "containerd.runtimes" && isTable(value)) {
      for (const [runtime, keys] of Object.entries(value)) {
        if (isTable(keys)) moveRuntime(ours, runtime, keys);
      }
      continue;
    }
    const move = ownOf(MOVES, name);
    if (move !== undefined) ours.move(move, value, name);
    else if (isTable(value) && !isClosed(name)) {
      moveTable(ours, { table: value, path: here, plugin });
    } else if (!isIgnored(name, value)) ours.miss(`${plugin}: ${name} = ${JSON.stringify(value)}`);
  }
}

/** Tables of free keys, which are told of as a whole. */
function isClosed(name: string): boolean {
  return name === "registry.mirrors" || name === "registry.configs" || name === "registry.auths";
}

function moveRuntime(ours: Target, runtime: string, keys: Record<string, unknown>): void {
  const to = ["containerd", "runtimes", runtime];
  for (const [key, value] of Object.entries(keys)) {
    if (key === "options" && isTable(value)) {
      moveOptions(ours, runtime, value);
      continue;
    }
    const move = ownOf(RUNTIME_MOVES, key);
    const name = `containerd.runtimes.${runtime}.${key}`;
    if (move !== undefined) ours.move({ ...move, to: [...to, ...move.to] }, value, name);
    else if (!isIgnored(`runtimes.${key}`, value)) ours.miss(`${name} = ${JSON.stringify(value)}`);
  }
}

/** Who makes cgroups is said once here, and not for each runtime. */
function moveOptions(ours: Target, runtime: string, options: Record<string, unknown>): void {
  const { SystemdCgroup, ...others } = options;
  const written = Object.entries(others).filter(([, value]) =>
    value !== "" && value !== 0 && value !== false
  );
  if (written.length > 0) {
    ours.set(["containerd", "runtimes", runtime, "options"], Object.fromEntries(written));
  }
  if (runtime !== "runc") return;
  ours.set(["cgroup", "driver"], SystemdCgroup === true ? "systemd" : "cgroupfs");
}

/** Empty, off, or as containerd has it by itself: nobody asked for it. */
function isIgnored(name: string, value: unknown): boolean {
  if (value === "" || value === false || value === 0) return true;
  if (Array.isArray(value) && value.length === 0) return true;
  if (isTable(value) && Object.keys(value).length === 0) return true;
  return JSON.stringify(ownOf(IGNORED, name)) === JSON.stringify(value);
}

class Target {
  readonly table: TomlTable = {};
  readonly missing: string[] = [];

  move({ to, value: change }: Move, value: unknown, name: string): void {
    if (value === "" || (Array.isArray(value) && value.length === 0)) return;
    const changed = change === undefined ? value : change(value);
    if (changed === undefined) this.miss(`${name} = ${JSON.stringify(value)}`);
    else this.set(to, changed);
  }

  set(path: readonly string[], value: unknown): void {
    const tables = path.slice(0, -1);
    let table: Record<string, unknown> = this.table;
    for (const key of tables) {
      const next = ownOf(table, key);
      if (isTable(next)) table = next;
      else table = put(table, key, {});
    }
    put(table, path.at(-1) ?? "", value);
  }

  miss(line: string): void {
    this.missing.push(line);
  }
}

/** A file may have keys such as toString, which every object inherits. */
function ownOf<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}

/** Sets a key of the table's own; an assignment to __proto__ would change what it inherits. */
function put<T>(table: Record<string, unknown>, key: string, value: T): T {
  Object.defineProperty(table, key, {
    value,
    configurable: true,
    enumerable: true,
    writable: true,
  });
  return value;
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof Date);
}
