/** The files that are checked, and their syntax trees, which deno's linter hands to a plugin. */

export const ROOT = new URL("../../", import.meta.url).pathname;

/** Every TypeScript file under a folder of the project, generated code left out, as `src/a/b.ts`. */
export async function filesUnder(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}${folder}`)) {
    const path = `${folder}/${name}`;
    if (path === "src/gen") continue;
    if (isDirectory) found.push(...await filesUnder(path));
    else if (name.endsWith(".ts")) found.push(path);
  }
  return found.sort();
}

/** The code that ships: no tests, nothing generated. */
export async function shippedFiles(): Promise<string[]> {
  return ["main.ts", ...(await filesUnder("src")).filter((path) => !path.endsWith("_test.ts"))];
}

export async function readSource(path: string): Promise<string> {
  return await Deno.readTextFile(`${ROOT}${path}`);
}

/** A statement about a place of a file. */
export interface Finding {
  readonly line: number;
  readonly message: string;
}

/** Runs visitors of the syntax tree over a text and gives what they reported. */
export function visit(
  path: string,
  text: string,
  create: (context: Deno.lint.RuleContext) => Deno.lint.LintVisitor,
): Finding[] {
  const plugin: Deno.lint.Plugin = { name: "check", rules: { check: { create } } };
  return Deno.lint.runPlugin(plugin, path, text).map(({ message, range }) => ({
    line: text.slice(0, range[0]).split("\n").length,
    message,
  }));
}

/** Lists of places are compared with the empty list, so that a failure shows all of them. */
export function describe(path: string, findings: readonly Finding[]): string[] {
  return findings.map(({ line, message }) => `${path}:${line}: ${message}`);
}
