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

/** Lines of a key and a number; other lines are left out. */
export function parseFlat(text: string | undefined): Map<string, bigint> {
  const values = new Map<string, bigint>();
  if (text === undefined) return values;
  for (const line of text.split("\n")) {
    const space = line.indexOf(" ");
    const value = parseNumber(line.slice(space + 1));
    if (space > 0 && value !== undefined) values.set(line.slice(0, space), value);
  }
  return values;
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
