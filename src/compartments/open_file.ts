/** Opening a file that is read as a stream. */
import { during } from "../base/errors.ts";

/** @throws CriError that names the file */
export async function openFile(path: string): Promise<ReadableStream<Uint8Array>> {
  try {
    return (await Deno.open(path)).readable;
  } catch (error) {
    throw during(`Cannot open ${path}`, error);
  }
}
