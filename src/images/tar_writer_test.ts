import assert from "node:assert/strict";
import { readArchive } from "./archive.ts";
import { tarEnd, tarFile } from "./tar_writer.ts";

async function* twoPieces() {
  yield await Promise.resolve(new Uint8Array(300).fill(1));
  yield new Uint8Array(300).fill(2);
}

Deno.test("tarFile() writes what a reader of archives reads", async () => {
  async function* archive() {
    yield* tarFile("oci-layout", new TextEncoder().encode("{}"));
    yield* tarFile("blobs/sha256/ab", twoPieces(), 600);
    yield* tarFile("empty", new Uint8Array());
    yield tarEnd();
  }
  const found: [string, number][] = [];
  for await (const { path, body } of readArchive(ReadableStream.from(archive()))) {
    let length = 0;
    for await (const piece of body) length += piece.length;
    found.push([path, length]);
  }
  assert.deepEqual(found, [["oci-layout", 2], ["blobs/sha256/ab", 600], ["empty", 0]]);
});

Deno.test("tarFile() writes a size beyond 8 GiB as a binary number", async () => {
  const size = 9 * 1024 ** 3 + 5;
  const { value } = await tarFile("large", twoPieces(), size).next();
  assert(value instanceof Uint8Array);
  const view = new DataView(value.buffer);
  assert.equal(view.getUint8(124), 0x80);
  assert.equal(view.getBigUint64(128), BigInt(size));
});

Deno.test("tarFile() fails when the body has another size than it said", async () => {
  await assert.rejects(Array.fromAsync(tarFile("x", twoPieces(), 599)), { message: /has 600/ });
});
