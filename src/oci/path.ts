/** Paths inside containers, as text: nothing is looked up. */

/** An absolute path without `.`, `..`, doubled or trailing slashes; it can't climb above `/`. */
export function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

/** How many folders deep a clean path lies; 0 for `/`. */
export function depth(path: string): number {
  return path === "/" ? 0 : path.split("/").length - 1;
}
