import assert from "node:assert/strict";
import { WriteContentRequest } from "../gen/containerd/services/content/v1/content.ts";
import { inTurn, messagesOf, WriteMessage } from "./write_message.ts";

const FIELDS = {
  action: 1,
  ref: "ref",
  total: 11n,
  expected: `sha256:${"a".repeat(64)}`,
  offset: 7n,
  labels: new Map<string, string>(),
} as const;

function decoded(message: WriteMessage, labels: Map<string, string> = new Map()) {
  return WriteContentRequest.decode(new Uint8Array(message.encode({ ...FIELDS, labels })));
}

async function* sourceOf(chunks: Uint8Array[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield await Promise.resolve(chunk);
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
  Deno.test(`messagesOf() cuts ${name}`, async () => {
    const source = sourceOf(chunks.map((length) => new Uint8Array(length)));
    const lengths: number[] = [];
    for await (const { length } of messagesOf(source, inTurn(2, 4))) lengths.push(length);
    assert.deepEqual(lengths, expected);
  });
}

Deno.test("messages that are used again keep bytes and their order, one held back", async () => {
  const bytes = Uint8Array.from({ length: 22 }, (_, i) => i);
  const source = sourceOf([bytes.subarray(0, 3), bytes.subarray(3, 20), bytes.subarray(20)]);
  const read: number[] = [];
  let held: WriteMessage | undefined;
  for await (const message of messagesOf(source, inTurn(2, 4))) {
    if (held !== undefined) read.push(...decoded(held).data);
    held = message;
  }
  if (held !== undefined) read.push(...decoded(held).data);
  assert.deepEqual(read, [...bytes]);
});

Deno.test("a message on the wire is the request with its data, however long its labels are", () => {
  for (const length of [0, 1, 127, 128, 300]) {
    const message = new WriteMessage(300);
    const data = Uint8Array.from({ length }, (_, i) => i & 255);
    message.add(data);
    for (
      const labels of [new Map(), new Map([["short", "1"]]), new Map([["l", "x".repeat(999)]])]
    ) {
      assert.deepEqual(decoded(message, labels), { ...FIELDS, labels, data });
    }
  }
});
