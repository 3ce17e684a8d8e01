/** Lists that are put together entry by entry, as one message or as a stream of some. */
import { Encoded, joinEntries } from "../state/encoded.ts";

/** Far below what any client takes, and enough that messages aren't what costs. */
const MAX_BYTES = 256 * 1024;

/** All entries in one message. */
export async function inOneMessage(entries: AsyncIterable<Uint8Array>): Promise<Encoded> {
  return new Encoded(joinEntries(await Array.fromAsync(entries)));
}

/** The entries in order, in messages that stay small however many there are. */
export async function* inMessages(
  entries: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Encoded> {
  let waiting: Uint8Array[] = [];
  let size = 0;
  for await (const entry of entries) {
    if (size > 0 && size + entry.length > MAX_BYTES) {
      yield new Encoded(joinEntries(waiting));
      waiting = [];
      size = 0;
    }
    waiting.push(entry);
    size += entry.length;
  }
  if (size > 0) yield new Encoded(joinEntries(waiting));
}
