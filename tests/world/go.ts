/** The Go of this machine, which builds clients and reads published contracts. */

/** Path of the go command, undefined where there is none. */
export async function findGo(): Promise<string | undefined> {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  for (const folder of [...folders, "/usr/local/go/bin"]) {
    const path = `${folder}/go`;
    const isThere = await Deno.stat(path).then((stat) => stat.isFile, () => false);
    if (isThere) return path;
  }
  return undefined;
}
