/** Checkpoint files: one a container, replaced atomically. */
import type { ContainerId } from "../base/id.ts";
import { replaceText } from "../base/replace_text.ts";
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint } from "../state/checkpoint.ts";
import { containerDir } from "../state/folders.ts";
import type { Settings } from "../state/settings.ts";

type Roots = Pick<Settings, "rootDir" | "stateDir" | "netnsDir">;

/** The file's name, as containerd's CRI plugin calls it. */
const FILE = "status";

/** Writes a container's checkpoint; a reader sees the old one or the new one, never a part. */
export async function writeCheckpoint(
  roots: Roots,
  id: ContainerId,
  checkpoint: Checkpoint,
): Promise<void> {
  const path = `${containerDir(roots, id)}/${FILE}`;
  await replaceText(path, encodeCheckpoint(checkpoint), 0o600);
}

/**
 * Reads a container's checkpoint; undefined when there is none.
 *
 * @throws CriError internal when it is broken
 */
export async function readCheckpoint(
  roots: Roots,
  id: ContainerId,
): Promise<Checkpoint | undefined> {
  try {
    return decodeCheckpoint(await Deno.readTextFile(`${containerDir(roots, id)}/${FILE}`));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
