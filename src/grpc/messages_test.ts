import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { framed, MessageReader, pieces } from "./messages.ts";
import { StatusError } from "./status.ts";

const MESSAGES = [new Uint8Array(), new Uint8Array([1, 2, 3]), new Uint8Array(300).fill(7)];
const NONE = new Uint8Array();
const WIRE = new Uint8Array(MESSAGES.flatMap((message) => [...framed(message)]));

for (const size of [1, 2, 4, 5, 6, 7, 100, WIRE.length]) {
  Deno.test(`MessageReader puts messages together that come ${size} bytes at a time`, () => {
    const reader = new MessageReader(300);
    const read: Uint8Array[] = [];
    for (let at = 0; at < WIRE.length; at += size) {
      read.push(...reader.push(WIRE.subarray(at, at + size)));
    }
    assert.deepEqual(read.map((message) => [...message]), MESSAGES.map((message) => [...message]));
    assert.equal(reader.isInside, false);
  });
}

Deno.test("MessageReader keeps nothing of the buffer that it was given", () => {
  const reader = new MessageReader(300);
  const buffer = framed(new Uint8Array([1, 2, 3]));
  const [message] = reader.push(buffer);
  buffer.fill(9);
  assert.deepEqual(message, new Uint8Array([1, 2, 3]));
});

Deno.test("MessageReader refuses a message that is too large by its prefix alone", () => {
  const prefix = framed(new Uint8Array(301)).subarray(0, 5);
  assert.throws(() => new MessageReader(300).push(prefix), (error) => {
    assert.ok(error instanceof StatusError);
    assert.equal(error.code, 8);
    assert.match(error.details, /301 bytes is larger than the 300/);
    return true;
  });
});

Deno.test("MessageReader refuses a compressed message", () => {
  assert.throws(() => new MessageReader(300).push(new Uint8Array([1, 0, 0, 0, 0])), /compressed/);
});

Deno.test("MessageReader takes memory for a large message no faster than it comes", () => {
  const large = new Uint8Array(5 * 1024 * 1024).map((_, index) => index % 251);
  const wire = framed(large);
  const reader = new MessageReader(large.length);
  const read: Uint8Array[] = [];
  for (let at = 0; at < wire.length; at += 600_000) {
    read.push(...reader.push(wire.subarray(at, at + 600_000)));
  }
  // Quicker than comparing one by one.
  assert.deepEqual(read.map((message) => Buffer.compare(message, large)), [0]);
});

Deno.test("pieces() are the message as it is framed, a large one without a copy", () => {
  for (const message of [new Uint8Array(), new Uint8Array(8 * 1024).fill(1)]) {
    assert.deepEqual(pieces([message]), [framed(message)]);
  }
  const large = new Uint8Array(8 * 1024 + 1).fill(1);
  const [prefix, content] = pieces([large]);
  assert.deepEqual(prefix, framed(large).subarray(0, 5));
  assert.equal(content, large);
});

Deno.test("pieces() of several parts are those of the whole", () => {
  const whole = new Uint8Array(20_000).map((_, index) => index);
  for (const size of [100, 20_000]) {
    const parts = [whole.subarray(0, 40), NONE, whole.subarray(40, 90), whole.subarray(90, size)];
    const sent = pieces(parts);
    assert.deepEqual(Buffer.concat(sent), Buffer.from(framed(whole.subarray(0, size))));
    assert.ok(sent.every(({ length }) => length > 0));
  }
});
