/** Programs of this machine that tests use where they are. */

/** Path of the go command, undefined where there is none. */
export function findGo(): Promise<string | undefined> {
  return findProgram("go", ["/usr/local/go/bin"]);
}

/** Path of a program on PATH, or in one of some more folders. */
export async function findProgram(
  name: string,
  more: readonly string[] = [],
): Promise<string | undefined> {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  for (const folder of [...folders, ...more]) {
    const path = `${folder}/${name}`;
    const isThere = await Deno.stat(path).then((stat) => stat.isFile, () => false);
    if (isThere) return path;
  }
  return undefined;
}
