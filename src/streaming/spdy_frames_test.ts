import assert from "node:assert/strict";
import {
  controlFrame,
  dataFrame,
  FLAG_FIN,
  idAt,
  PING,
  type SpdyEvent,
  SpdyParser,
  SYN_STREAM,
} from "./spdy_frames.ts";
import { concat } from "../base/concat.ts";

/** Events with their bytes copied, for they are views of what was pushed. */
function parse(pieces: Uint8Array<ArrayBuffer>[]): SpdyEvent[] {
  const parser = new SpdyParser();
  return pieces.flatMap((piece) =>
    [...parser.push(piece)].map((event) =>
      event.kind === "data" ? { ...event, chunk: event.chunk.slice() } : event
    )
  );
}

const bytes = (...values: number[]): Uint8Array<ArrayBuffer> => new Uint8Array(values);

Deno.test("SpdyParser gives frames in whatever pieces they come", () => {
  const stream = concat([
    controlFrame(PING, [7]),
    dataFrame(3, bytes(1, 2, 3)),
    dataFrame(3, bytes(), true),
    controlFrame(SYN_STREAM, [5, 0], { flags: FLAG_FIN, rest: bytes(0, 0, 9) }),
  ]);
  for (let size = 1; size <= stream.length; size++) {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    for (let at = 0; at < stream.length; at += size) pieces.push(stream.slice(at, at + size));
    const events = parse(pieces);
    const control = events.filter((event) => event.kind === "control");
    assert.deepEqual(control.map(({ type, flags }) => [type, flags]), [[PING, 0], [SYN_STREAM, 1]]);
    assert.deepEqual(control.map(({ body }) => idAt(body, 0)), [7, 5]);
    const data = events.filter((event) => event.kind === "data");
    assert.deepEqual(data.flatMap(({ chunk }) => [...chunk]), [1, 2, 3]);
    assert.deepEqual(data.map(({ isFin }) => isFin).lastIndexOf(true), data.length - 1);
    assert.equal(data.filter(({ isFin }) => isFin).length, 1);
  }
});

Deno.test("SpdyParser hands a data frame of 16 MiB on without holding it", () => {
  const parser = new SpdyParser();
  const frame = dataFrame(1, new Uint8Array(0));
  new DataView(frame.buffer).setUint32(4, 0xff_ffff);
  assert.deepEqual([...parser.push(frame)], []);
  const [event] = [...parser.push(new Uint8Array(1000))];
  assert.equal(event?.kind === "data" && event.chunk.length, 1000);
});

Deno.test("SpdyParser refuses another version and long control frames", () => {
  const other = controlFrame(PING, [1]);
  other[1] = 2;
  assert.throws(() => parse([other]), /not SPDY\/3/);
  const long = controlFrame(SYN_STREAM, [1]);
  new DataView(long.buffer).setUint32(4, 0xff_ffff);
  assert.throws(() => parse([long]), /a control frame of 16777215 bytes/);
});

Deno.test("idAt() refuses a frame that is too short for an id", () => {
  const [event] = parse([controlFrame(PING, [])]);
  assert(event?.kind === "control");
  assert.throws(() => idAt(event.body, 0), /too short/);
});
