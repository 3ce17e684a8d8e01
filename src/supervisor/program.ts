/** Programs that are asked something once: found on the search path, bounded, their words as text. */
import { searchPath } from "./containerd_process.ts";

const TIMEOUT_MS = 10_000;

/** What a program printed; undefined when there is none of this name, or it failed. */
export interface Said {
  readonly path: string;
  readonly text: string;
}

/** @param binaries the folder that is searched before PATH, "" for none */
export async function askProgram(
  binaries: string,
  name: string,
  args: readonly string[],
): Promise<Said | undefined> {
  const path = await findProgram(binaries, name);
  if (path === undefined) return undefined;
  try {
    const { success, stdout, stderr } = await new Deno.Command(path, {
      args: [...args],
      env: { PATH: searchPath(binaries), LC_ALL: "C" },
      stdin: "null",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).output();
    const text = new TextDecoder().decode(stdout.length > 0 ? stdout : stderr);
    return success ? { path, text } : undefined;
  } catch {
    return undefined; // Not for this machine, or no program at all.
  }
}

async function findProgram(binaries: string, name: string): Promise<string | undefined> {
  if (name.startsWith("/")) return name;
  for (const folder of searchPath(binaries).split(":")) {
    const found = await Deno.stat(`${folder}/${name}`).catch(() => undefined);
    if (found?.isFile) return `${folder}/${name}`;
  }
  return undefined;
}
