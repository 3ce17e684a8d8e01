/** Where log files may lie. */
import { invalidArgument } from "../base/errors.ts";

/** A log file as a configured folder and the names from there on. */
export interface LogLocation {
  readonly root: string;
  readonly names: readonly string[];
}

/**
 * Finds the configured folder that a log path lies in.
 *
 * @throws CriError invalidArgument for a path outside all of them or with `..` in it
 */
export function locateLog(path: string, dirs: readonly string[]): LogLocation {
  const shown = JSON.stringify(path.slice(0, 300));
  if (!path.startsWith("/") || path.includes("\0")) {
    throw invalidArgument("log_path", `${shown} is not an absolute path`);
  }
  const names = namesOf(path);
  if (names.includes("..")) throw invalidArgument("log_path", `${shown} has ".." in it`);
  for (const root of dirs) {
    const above = namesOf(root);
    const isBelow = names.length > above.length && above.every((name, at) => name === names[at]);
    if (isBelow) return { root, names: names.slice(above.length) };
  }
  throw invalidArgument("log_path", `${shown} is not below ${dirs.join(" or ")} ([logs] dirs)`);
}

function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}
