import assert from "node:assert/strict";
import { piecesOf } from "./pieces.ts";

async function lengths(chunks: number[], size: number): Promise<number[]> {
  const source = async function* () {
    for (const length of chunks) yield await Promise.resolve(new Uint8Array(length));
  };
  return (await Array.fromAsync(piecesOf(source(), size))).map((piece) => piece.length);
}

const CASES = [
  { name: "an empty source", chunks: [], expected: [] },
  { name: "empty chunks", chunks: [0, 0], expected: [] },
  { name: "small chunks", chunks: [1, 1, 1, 1, 1], expected: [4, 1] },
  { name: "chunks of the right size", chunks: [4, 4], expected: [4, 4] },
  { name: "large chunks", chunks: [10], expected: [4, 4, 2] },
  { name: "odd chunks", chunks: [3, 9, 1], expected: [4, 4, 4, 1] },
];

for (const { name, chunks, expected } of CASES) {
  Deno.test(`piecesOf() cuts ${name}`, async () => {
    assert.deepEqual(await lengths(chunks, 4), expected);
  });
}

Deno.test("piecesOf() keeps bytes and their order", async () => {
  const bytes = Uint8Array.from({ length: 11 }, (_, i) => i);
  const source = async function* () {
    yield await Promise.resolve(bytes.subarray(0, 3));
    yield bytes.subarray(3);
  };
  const pieces = await Array.fromAsync(piecesOf(source(), 4));
  assert.deepEqual(pieces.flatMap((piece) => [...piece]), [...bytes]);
});

Deno.test("piecesOf() fills pieces that come again, once their reader is done with them", async () => {
  const bytes = Uint8Array.from({ length: 22 }, (_, i) => i);
  const source = async function* () {
    yield await Promise.resolve(bytes.subarray(0, 3));
    yield bytes.subarray(3, 20);
    yield bytes.subarray(20);
  };
  const own = [new Uint8Array(4), new Uint8Array(4)];
  let turn = 0;
  const read: number[] = [];
  let held: Uint8Array | undefined;
  for await (const piece of piecesOf(source(), 4, () => own[turn++ % 2] ?? new Uint8Array(4))) {
    read.push(...held ?? []);
    held = piece;
  }
  read.push(...held ?? []);
  assert.deepEqual(read, [...bytes]);
});
