/** The file of a checkpoint: where it may lie, and how it gets there whole or not at all. */
import { folderAbove, namesOf } from "../base/below.ts";
import { CriError, invalidArgument } from "../base/errors.ts";
import { removePath } from "../base/gone.ts";

const FIELD = "location";

/**
 * The path of the archive, below one of the configured folders.
 *
 * @throws CriError invalidArgument for any other
 */
export function checkArchivePath(location: string, dirs: readonly string[]): string {
  const names = namesOf(location);
  if (!location.startsWith("/") || location.endsWith("/") || names.includes("..")) {
    throw invalidArgument(FIELD, `${JSON.stringify(location)} is not the absolute path of a file`);
  }
  const found = folderAbove(names, dirs);
  if (found !== undefined && found.below.length > 0) return `/${names.join("/")}`;
  throw new CriError(
    "invalidArgument",
    `${FIELD}: ${JSON.stringify(location)} is not below ${dirs.join(" or ")}`,
    { remedy: "name a file there, or the folder among checkpoints.dirs in the configuration" },
  );
}

/** What it is called until it is whole. */
export function partOf(path: string): string {
  return `${path}.part`;
}

/** Writes the archive and puts it in its place; on failure nothing is there that wasn't before. */
export async function writeArchive(
  path: string,
  pieces: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const part = partOf(path);
  try {
    const options = { write: true, create: true, truncate: true, mode: 0o600 };
    using file = await Deno.open(part, options);
    for await (const piece of pieces) {
      signal.throwIfAborted();
      await writeAll(file, piece);
    }
    await file.sync();
    await Deno.rename(part, path);
  } catch (error) {
    await removePath(part);
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    const folder = path.slice(0, path.lastIndexOf("/"));
    throw new CriError("failedPrecondition", `There is no folder ${folder}`, {
      cause: error,
      remedy: "make it; the kubelet makes its own when it starts",
    });
  }
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) written += await file.write(bytes.subarray(written));
}
