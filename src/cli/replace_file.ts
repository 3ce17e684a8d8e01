/** Files that are there whole or not at all. */
import { during } from "../base/errors.ts";

/**
 * Writes a file under a hidden name beside it and then gives it its name.
 *
 * @throws CriError that names the file; nothing is left then
 */
export async function replaceFile(
  path: string,
  bytes: AsyncIterable<Uint8Array>,
  mode = 0o644,
): Promise<void> {
  const slash = path.lastIndexOf("/") + 1;
  const hidden = `${path.slice(0, slash)}.${path.slice(slash)}.${crypto.randomUUID().slice(0, 8)}`;
  try {
    const file = await Deno.open(hidden, { write: true, createNew: true, mode });
    await ReadableStream.from(bytes).pipeTo(file.writable);
    await Deno.rename(hidden, path);
  } catch (error) {
    await Deno.remove(hidden).catch(() => {});
    throw during(`Cannot write ${path}`, error);
  }
}
