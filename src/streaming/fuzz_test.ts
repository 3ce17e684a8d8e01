/** Generated input for the parsers of what clients send: no crash, no hang, bounded memory. */
import assert from "node:assert/strict";
import { FakeWire } from "../../tests/fakes/wire.ts";
import { parseHead } from "./http_head.ts";
import { ProtocolError } from "./protocol_error.ts";
import { controlFrame, dataFrame, SpdyParser } from "./spdy_frames.ts";
import { HeaderWriter } from "./spdy_headers.ts";
import { SpdySession } from "./spdy_session.ts";
import { frameOf, WebSocketParser } from "./websocket_frames.ts";
import { concat } from "../base/concat.ts";

const INPUTS = 400_000;
const SESSIONS = 10_000;

/** The same numbers in each run: xorshift32. */
class Random {
  #state = 0x9e3779b9;

  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

/** Something that is almost right: frames with a byte changed here and there, cut anywhere. */
function mutated(random: Random, frames: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const bytes = frames.slice(0, 1 + random.below(frames.length));
  for (let changes = random.below(4); changes > 0; changes--) {
    bytes[random.below(bytes.length)] = random.below(256);
  }
  return random.below(10) === 0 ? random.bytes(1 + random.below(200)) : bytes;
}

function spdyFrames(random: Random): Uint8Array<ArrayBuffer> {
  const headers = new HeaderWriter();
  const frames: Uint8Array<ArrayBuffer>[] = [];
  for (let left = 1 + random.below(6); left > 0; left--) {
    const block = headers.write(new Map([["streamtype", "data"], ["port", "80"]]));
    const rest = concat([new Uint8Array(2), block]);
    const id = 1 + random.below(5) * 2;
    const kind = random.below(3);
    if (kind === 0) frames.push(controlFrame(1, [id, 0], { rest }));
    else if (kind === 1) frames.push(dataFrame(id, random.bytes(random.below(100))));
    else frames.push(controlFrame(random.below(12), [id, random.below(12)]));
  }
  return concat(frames);
}

function webSocketFrames(random: Random): Uint8Array<ArrayBuffer> {
  const frames = [frameOf(random.below(16), random.bytes(random.below(300)))];
  for (const frame of frames) frame[1] = (frame[1] ?? 0) | 0x80;
  return concat([...frames, random.bytes(random.below(50))]);
}

/** Events are pieces of the input: together never longer than it. */
function parseAll(
  parser: { push(bytes: Uint8Array<ArrayBuffer>): Iterable<{ kind: string; chunk?: Uint8Array }> },
  input: Uint8Array<ArrayBuffer>,
): void {
  let size = 0;
  try {
    for (const event of parser.push(input)) size += event.chunk?.length ?? 0;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
  assert(size <= input.length);
}

Deno.test(`the parsers take ${INPUTS} generated inputs each`, () => {
  const random = new Random();
  for (let at = 0; at < INPUTS; at++) {
    parseAll(new SpdyParser(), mutated(random, spdyFrames(random)));
    parseAll(new WebSocketParser(), mutated(random, webSocketFrames(random)));
  }
  const head = new TextEncoder().encode("GET /exec/x HTTP/1.1\r\nA: b\r\nC: d\r\n\r\n");
  for (let at = 0; at < INPUTS; at++) {
    try {
      parseHead(mutated(random, head));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }
});

Deno.test(`a SPDY session takes ${SESSIONS} generated connections to their end`, async () => {
  const random = new Random();
  for (let at = 0; at < SESSIONS; at++) {
    const wire = new FakeWire();
    const session = new SpdySession(wire, {
      maxStreams: 2,
      onStream: (stream) => random.below(3) === 0 ? stream.reset() : stream.incoming.drop(),
    });
    const running = session.run();
    await wire.give(mutated(random, spdyFrames(random)));
    wire.giveEnd();
    await running;
    assert(wire.isClosed);
  }
});
