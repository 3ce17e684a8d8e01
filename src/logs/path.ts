/** Where log files may lie. */
import { folderAbove, namesOf } from "../base/below.ts";
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
  const { root, names } = locate("log_path", { path, dirs });
  if (names.length > 0) return { root, names };
  throw invalidArgument("log_path", `${JSON.stringify(path)} is a folder ([logs] dirs)`);
}

/**
 * Checks that logs may lie in a pod's log directory.
 *
 * @throws CriError invalidArgument as {@link locateLog}
 */
export function checkLogDirectory(path: string, dirs: readonly string[]): void {
  if (path !== "") locate("config.log_directory", { path, dirs });
}

function locate(
  field: string,
  { path, dirs }: { path: string; dirs: readonly string[] },
): LogLocation {
  const shown = JSON.stringify(path.slice(0, 300));
  if (!path.startsWith("/") || path.includes("\0")) {
    throw invalidArgument(field, `${shown} is not an absolute path`);
  }
  const names = namesOf(path);
  if (names.includes("..")) throw invalidArgument(field, `${shown} has ".." in it`);
  const found = folderAbove(names, dirs);
  if (found !== undefined) return { root: found.root, names: found.below };
  throw invalidArgument(field, `${shown} is not below ${dirs.join(" or ")} ([logs] dirs)`);
}
