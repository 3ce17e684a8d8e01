import assert from "node:assert/strict";
import { ChunkQueue } from "./chunk_queue.ts";

const LIMIT_BYTES = 65_536;

Deno.test("ChunkQueue gives what was pushed, in order, then the end", async () => {
  const queue = new ChunkQueue();
  const chunk = new Uint8Array([1]);
  await queue.push(chunk);
  // The giver uses its memory again.
  chunk[0] = 9;
  await queue.push(new Uint8Array([2, 3]));
  queue.end();
  assert.deepEqual(await queue.take(), new Uint8Array([1]));
  assert.deepEqual(await queue.take(), new Uint8Array([2, 3]));
  assert.equal(await queue.take(), undefined);
});

Deno.test("ChunkQueue makes the giver wait while there is much in it", async () => {
  const queue = new ChunkQueue();
  const order: string[] = [];
  const giving = queue.push(new Uint8Array(LIMIT_BYTES + 1))?.then(() => order.push("given"));
  await Promise.resolve();
  order.push("waiting");
  await queue.take();
  await giving;
  assert.deepEqual(order, ["waiting", "given"]);
});

Deno.test("ChunkQueue lets the giver go on when nobody takes any more", async () => {
  const queue = new ChunkQueue();
  const giving = queue.push(new Uint8Array(LIMIT_BYTES + 1));
  queue.drop();
  await giving;
  await queue.push(new Uint8Array(LIMIT_BYTES + 1));
  assert.equal(await queue.take(), undefined);
});

Deno.test("ChunkQueue wakes a taker that waits", async () => {
  const queue = new ChunkQueue();
  const taking = queue.take();
  await queue.push(new Uint8Array([7]));
  assert.deepEqual(await taking, new Uint8Array([7]));
  const last = queue.take();
  queue.end();
  assert.equal(await last, undefined);
});
