import assert from "node:assert/strict";
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  frameOf,
  PING,
  TEXT,
  type WebSocketEvent,
  WebSocketParser,
} from "./websocket_frames.ts";
import { concat } from "../base/concat.ts";

/** A frame as clients send it: masked. */
function clientFrame(
  opcode: number,
  payload: Uint8Array,
  { isFin = true }: { isFin?: boolean } = {},
): Uint8Array<ArrayBuffer> {
  const frame = frameOf(opcode, payload);
  const head = frame.slice(0, frame.length - payload.length);
  head[0] = (isFin ? 0x80 : 0) | opcode;
  head[1] = (head[1] ?? 0) | 0x80;
  const mask = new Uint8Array([0x11, 0x22, 0x33, 0x44]);
  const masked = payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0));
  return concat([head, mask, new Uint8Array(masked)]);
}

function parse(pieces: Uint8Array<ArrayBuffer>[]): WebSocketEvent[] {
  const parser = new WebSocketParser();
  return pieces.flatMap((piece) =>
    [...parser.push(piece)].map((event) =>
      event.kind === "data" ? { ...event, chunk: event.chunk.slice() } : event
    )
  );
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

Deno.test("WebSocketParser gives messages in whatever pieces they come, control frames between", () => {
  const stream = concat([
    clientFrame(BINARY, text("hel"), { isFin: false }),
    clientFrame(PING, text("?")),
    clientFrame(CONTINUATION, text("lo")),
    clientFrame(TEXT, text("x".repeat(200))),
    clientFrame(BINARY, text("")),
    clientFrame(CLOSE, new Uint8Array([3, 232])),
  ]);
  for (const size of [1, 2, 3, 7, 64, stream.length]) {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    for (let at = 0; at < stream.length; at += size) pieces.push(stream.slice(at, at + size));
    const messages: string[] = [];
    const controls: number[] = [];
    for (const event of parse(pieces)) {
      if (event.kind === "control") {
        controls.push(event.opcode);
        continue;
      }
      const part = new TextDecoder().decode(event.chunk);
      if (event.isFirst) messages.push(`${event.isText ? "text" : "binary"}:${part}`);
      else messages[messages.length - 1] += part;
    }
    assert.deepEqual(messages, ["binary:hello", `text:${"x".repeat(200)}`, "binary:"]);
    assert.deepEqual(controls, [PING, CLOSE]);
  }
});

Deno.test("WebSocketParser hands a frame of any length on without holding it", () => {
  const parser = new WebSocketParser();
  const head = [0x82, 0xff, 0x7f, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0];
  assert.deepEqual([...parser.push(new Uint8Array(head))], []);
  const [event] = [...parser.push(new Uint8Array(1000))];
  assert.equal(event?.kind === "data" && event.chunk.length, 1000);
});

const HOSTILE: readonly { name: string; bytes: number[]; error: RegExp }[] = [
  { name: "a frame without a mask", bytes: [0x82, 0x01, 0, 0, 0, 0], error: /without a mask/ },
  { name: "reserved bits", bytes: [0xc2, 0x80, 0, 0, 0, 0], error: /reserved bits/ },
  { name: "an unknown kind", bytes: [0x83, 0x80, 0, 0, 0, 0], error: /unknown kind/ },
  { name: "an unknown control frame", bytes: [0x8b, 0x80, 0, 0, 0, 0], error: /unknown kind/ },
  { name: "a long ping", bytes: [0x89, 0xfe, 1, 0, 0, 0, 0, 0], error: /long control/ },
  { name: "a ping in parts", bytes: [0x09, 0x80, 0, 0, 0, 0], error: /long control/ },
  { name: "a part of no message", bytes: [0x80, 0x80, 0, 0, 0, 0], error: /part of no message/ },
  {
    name: "a message within another",
    bytes: [0x02, 0x80, 0, 0, 0, 0, 0x82, 0x80, 0, 0, 0, 0],
    error: /within another/,
  },
];

for (const { name, bytes, error } of HOSTILE) {
  Deno.test(`WebSocketParser refuses ${name}`, () => {
    assert.throws(() => parse([new Uint8Array(bytes)]), error);
  });
}

Deno.test("frameOf() puts the channel in front and the length in its shortest form", () => {
  assert.deepEqual([...frameOf(BINARY, text("a"), 1)], [0x82, 2, 1, 97]);
  assert.deepEqual([...frameOf(BINARY, new Uint8Array(125), 1).subarray(0, 5)], [
    0x82,
    126,
    0,
    126,
    1,
  ]);
  const long = frameOf(BINARY, new Uint8Array(65_535), 2);
  assert.deepEqual([...long.subarray(0, 11)], [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0, 2]);
});
