/** Where a path lies, by its names alone: what is a link on the way is the caller's to think of. */

/** The names of a path; empty ones and `.` mean nothing. */
export function namesOf(path: string): string[] {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}

/** The first of some folders that a path is or lies below, with the names from there on. */
export function folderAbove(
  names: readonly string[],
  dirs: readonly string[],
): { root: string; below: string[] } | undefined {
  for (const root of dirs) {
    const above = namesOf(root);
    if (above.every((name, at) => name === names[at])) {
      return { root, below: names.slice(above.length) };
    }
  }
  return undefined;
}
