/** Archives come plain or packed; their first bytes tell. */
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createZstdDecompress } from "node:zlib";

const GZIP = [0x1f, 0x8b];
const ZSTD = [0x28, 0xb5, 0x2f, 0xfd];
const LONGEST = 4;

/** The unpacked bytes of a stream that may be packed by gzip or zstd. */
export async function unpacked(
  stream: ReadableStream<Uint8Array>,
): Promise<ReadableStream<Uint8Array>> {
  const { head, rest } = await peek(stream);
  const hasMagic = (magic: number[]) => magic.every((byte, index) => head[index] === byte);
  if (hasMagic(GZIP)) return rest.pipeThrough(new DecompressionStream("gzip"));
  if (hasMagic(ZSTD)) return ReadableStream.from(zstd(rest));
  return rest;
}

/** The system's DecompressionStream doesn't know zstd. */
async function* zstd(packed: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const unpacker = createZstdDecompress();
  // A failure of the source destroys the unpacker, and its reader hears of it.
  const feeding = pipeline(Readable.from(packed), unpacker).catch(() => {});
  for await (const chunk of unpacker) yield new Uint8Array(chunk);
  await feeding;
}

/** The first bytes, and a stream that still has them. */
async function peek(stream: ReadableStream<Uint8Array>): Promise<{
  head: Uint8Array;
  rest: ReadableStream<Uint8Array<ArrayBuffer>>;
}> {
  const reader = stream.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  while (length < LONGEST) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    length += value.length;
  }
  const head = new Uint8Array(chunks.flatMap((chunk) => [...chunk.subarray(0, LONGEST)]));
  const rest = new ReadableStream<Uint8Array<ArrayBuffer>>({
    async pull(controller) {
      const first = chunks.shift();
      if (first !== undefined) return controller.enqueue(new Uint8Array(first));
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(new Uint8Array(value));
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return { head, rest };
}
