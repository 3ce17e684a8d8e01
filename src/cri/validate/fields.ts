/** Checks of single request fields. Each answers InvalidArgument with the field's path. */
import { invalidArgument } from "../../base/errors.ts";

/** Ids that runtimes give out, whole or the beginning of one. */
const ID = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,255}$/;

/** Kubernetes allows 256 KiB of annotations; twice as much is a mistake or an attack. */
const MAX_PAIRS_BYTES = 512 * 1024;

const MAX_NAME_LENGTH = 253;

/** @throws CriError invalidArgument unless it is an id */
export function checkId(field: string, id: string): void {
  if (id === "") throw invalidArgument(field, "is missing");
  if (!ID.test(id)) throw invalidArgument(field, `${shown(id)} is not an id`);
}

/** A name that becomes part of other names: not empty, no slashes, no control characters. */
export function checkName(field: string, name: string): void {
  if (name === "") throw invalidArgument(field, "is missing");
  if (name.length > MAX_NAME_LENGTH) {
    throw invalidArgument(field, `has ${name.length} characters, ${MAX_NAME_LENGTH} are allowed`);
  }
  // deno-lint-ignore no-control-regex -- control characters are what it looks for
  if (/[\x00-\x20\x7f/]/.test(name) || name === "." || name === "..") {
    throw invalidArgument(field, `${shown(name)} is not a name`);
  }
}

/** An absolute path that doesn't leave its folder by `..`. */
export function checkAbsolutePath(field: string, path: string): void {
  if (!path.startsWith("/")) throw invalidArgument(field, `${shown(path)} is not an absolute path`);
  checkPath(field, path);
}

/** A path without `..` and control characters. */
export function checkPath(field: string, path: string): void {
  if (path.split("/").includes("..")) throw invalidArgument(field, `${shown(path)} has .. in it`);
  // deno-lint-ignore no-control-regex -- control characters are what it looks for
  if (/[\x00-\x1f]/.test(path)) throw invalidArgument(field, "has control characters in it");
  if (path.length > 4096) throw invalidArgument(field, "is longer than 4096 characters");
}

/** One word of a configuration file: a line or space in it would forge another entry. */
export function checkWord(field: string, word: string): void {
  if (word === "" || /\s/.test(word)) {
    throw invalidArgument(field, `${shown(word)} is not one word`);
  }
}

/** A whole number within bounds. */
export function checkRange(
  field: string,
  value: number | bigint,
  { min, max }: { min: number | bigint; max: number | bigint },
): void {
  if (value < min || value > max) {
    throw invalidArgument(field, `${value} is not between ${min} and ${max}`);
  }
}

/** A value of an enum that this daemon knows. */
export function checkEnum(
  field: string,
  value: number,
  known: Record<string | number, unknown>,
): void {
  if (value < 0 || !(value in known)) throw invalidArgument(field, `unknown value ${value}`);
}

/** Labels or annotations: bounded in all, so that no record outgrows containerd's database. */
export function checkPairs(field: string, pairs: ReadonlyMap<string, string>): void {
  let length = 0;
  for (const [key, value] of pairs) {
    if (key === "") throw invalidArgument(field, "has an empty key");
    length += key.length + value.length;
  }
  if (length > MAX_PAIRS_BYTES) {
    throw invalidArgument(field, `has ${length} characters, ${MAX_PAIRS_BYTES} are allowed`);
  }
}

/** No string anywhere in a message may have a NUL byte: C programs behind us would read half of it. */
export function checkNoNul(field: string, value: unknown): void {
  if (typeof value === "string") {
    if (value.includes("\0")) throw invalidArgument(field, "has a NUL byte in it");
    return;
  }
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return;
  if (value instanceof Map) {
    for (const [key, item] of value) {
      checkNoNul(`${field} (a key)`, key);
      checkNoNul(`${field}[${shown(String(key))}]`, item);
    }
    return;
  }
  if (Array.isArray(value)) {
    value.forEach((item, index) => checkNoNul(`${field}[${index}]`, item));
    return;
  }
  for (const [key, item] of Object.entries(value)) checkNoNul(`${field}.${snake(key)}`, item);
}

function snake(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A hostile value as it may stand in a message: quoted and short. */
function shown(value: string): string {
  return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value);
}
