/** The forms of the files in cgroups: single numbers, `key value` lines and pressure. */
import type { Pressure, PressureLine } from "./sample.ts";

/** Reads a file; undefined when it isn't there, as those of a cgroup that has just gone. */
export type ReadFile = (path: string) => string | undefined;

/** "max" and whatever else isn't a number is undefined. */
export function parseNumber(text: string | undefined): bigint | undefined {
  if (text === undefined) return undefined;
  const trimmed = text.trimEnd();
  return /^\d+$/.test(trimmed) ? BigInt(trimmed) : undefined;
}

/**
 * The numbers of some keys out of lines of a key and a number. The keys are looked for one by one:
 * memory.stat has some fifty lines, of which a handful are asked for.
 */
export function pick<K extends string>(
  text: string | undefined,
  keys: readonly K[],
): Partial<Record<K, bigint>> {
  const picked: Partial<Record<K, bigint>> = {};
  if (text === undefined) return picked;
  for (const key of keys) {
    const value = valueOf(text, key);
    if (value !== undefined) picked[key] = value;
  }
  return picked;
}

function valueOf(text: string, key: string): bigint | undefined {
  const head = `${key} `;
  let at = text.indexOf(head);
  // "rss " is also the end of "total_rss ".
  while (at > 0 && text[at - 1] !== "\n") at = text.indexOf(head, at + 1);
  if (at < 0) return undefined;
  const end = text.indexOf("\n", at);
  return parseNumber(text.slice(at + head.length, end < 0 ? undefined : end));
}

const NO_PRESSURE: PressureLine = { avg10: 0, avg60: 0, avg300: 0, totalUs: 0n };

const PRESSURE = /^(some|full) avg10=([\d.]+) avg60=([\d.]+) avg300=([\d.]+) total=(\d+)$/gm;

/** https://docs.kernel.org/accounting/psi.html; undefined for a kernel without it. */
export function parsePressure(text: string | undefined): Pressure | undefined {
  if (text === undefined) return undefined;
  let some: PressureLine | undefined;
  let full = NO_PRESSURE;
  for (const [, name, avg10, avg60, avg300, total = "0"] of text.matchAll(PRESSURE)) {
    const line = {
      avg10: Number(avg10),
      avg60: Number(avg60),
      avg300: Number(avg300),
      totalUs: BigInt(total),
    };
    if (name === "some") some = line;
    else full = line;
  }
  return some && { some, full };
}
