/** What a server does with clients that break the protocol, or use it to do harm (RFC 9113). */
import assert from "node:assert/strict";
import { wirePair } from "../../tests/fakes/wire_pair.ts";
import { readFrames } from "./frame_reader.ts";
import {
  dataFrame,
  FLAG,
  FRAME,
  type Frame,
  headersFrame,
  PREFACE,
  resetFrame,
  SETTING,
  settingsFrame,
  windowUpdateFrame,
} from "./frames.ts";
import { headerBlock } from "./hpack.ts";
import { framed } from "./messages.ts";
import { Outbox } from "./outbox.ts";
import { GrpcServer, type Handler } from "./server.ts";

const PATH = "/test.Service/Method";
const REQUEST = headerBlock(
  [":method", "POST"],
  [":path", PATH],
  ["content-type", "application/grpc"],
);

/** A client that says what it likes. */
function rawClient(handler: Handler = (call) => call.answer(call.message)) {
  const [ours, theirs] = wirePair();
  const server = new GrpcServer({ handlers: new Map([[PATH, handler]]), maxMessageBytes: 1_000 });
  server.accept(theirs);
  const outbox = new Outbox(ours, { room: () => {}, failed: () => {} });
  const received: Frame[] = [];
  const waiting = new Set<() => void>();
  const ended = readFrames(ours, {
    expectsPreface: false,
    room: () => Promise.resolve(),
    onFrame: (frame) => {
      received.push({ ...frame, payload: frame.payload.slice() });
      for (const look of waiting) look();
    },
  });
  outbox.raw(PREFACE);
  outbox.frame(settingsFrame({}));
  const ping = (value: number) => frame(FRAME.ping, { payload: new Uint8Array(8).fill(value) });
  return {
    received,
    ended,
    send: (...frames: Frame[]) => {
      for (const one of frames) outbox.frame(one);
    },
    raw: (bytes: Uint8Array) => outbox.raw(bytes),
    /** The first frame that is like that, as soon as it is there. */
    async first(isLike: (frame: Frame) => boolean): Promise<Frame> {
      while (true) {
        const found = received.find(isLike);
        if (found !== undefined) return found;
        const { promise, resolve } = Promise.withResolvers<void>();
        waiting.add(resolve);
        await promise;
        waiting.delete(resolve);
      }
    },
    /** Everything sent before has been dealt with when this is back. */
    async settled(value = 1): Promise<void> {
      outbox.frame(ping(value));
      await this.first(({ type, payload }) => type === FRAME.ping && payload[0] === value);
    },
    close: () => ours.close(),
  };
}

function frame(
  type: number,
  { flags = FLAG.none as number, streamId = 0, payload = new Uint8Array() }: Partial<Frame>,
): Frame {
  return { type, flags, streamId, payload };
}

/** The code and the words of the GOAWAY that a connection ended with. */
async function goodbye(client: ReturnType<typeof rawClient>): Promise<string> {
  await client.ended;
  const { payload = new Uint8Array() } =
    client.received.find(({ type }) => type === FRAME.goaway) ??
      {};
  return `${payload[7]} ${new TextDecoder().decode(payload.subarray(8))}`;
}

const HEADERS = headersFrame(1, REQUEST, false);

for (
  const [what, frames, expected] of [
    ["data of no stream", [dataFrame(0, new Uint8Array(1), false)], /^1 /],
    [
      "data of a stream never opened",
      [dataFrame(5, new Uint8Array(1), false)],
      /^1 .*never opened/,
    ],
    ["headers of no stream", [headersFrame(0, REQUEST, false)], /^1 /],
    ["a stream with an even number", [headersFrame(2, REQUEST, false)], /^1 .*even/],
    ["a promise", [frame(FRAME.pushPromise, { streamId: 1, payload: new Uint8Array(4) })], /^1 /],
    ["a continuation of nothing", [frame(FRAME.continuation, { streamId: 1 })], /^1 .*unbegun/],
    [
      "a frame in the middle of headers",
      [frame(FRAME.headers, { streamId: 1, payload: REQUEST }), dataFrame(1, REQUEST, false)],
      /^1 .*cut off/,
    ],
    ["padding longer than its frame", [
      HEADERS,
      frame(FRAME.data, { streamId: 1, flags: FLAG.padded, payload: new Uint8Array([9, 1]) }),
    ], /^1 .*padding/],
    ["a window that grows by nothing", [windowUpdateFrame(0, 0)], /^1 /],
    ["a window that grows too large", [windowUpdateFrame(0, 2 ** 31 - 1)], /^3 /],
    ["a stream's window that grows too large", [HEADERS, windowUpdateFrame(1, 2 ** 31 - 1)], /^3 /],
    [
      "an initial window too large",
      [settingsFrame({ [SETTING.initialWindowSize]: 2 ** 31 })],
      /^3 /,
    ],
    ["a frame size too small", [settingsFrame({ [SETTING.maxFrameSize]: 100 })], /^1 /],
    ["settings that are cut off", [frame(FRAME.settings, { payload: new Uint8Array(5) })], /^6 /],
    ["settings of a stream", [frame(FRAME.settings, { streamId: 1 })], /^1 /],
    ["a ping of a wrong size", [frame(FRAME.ping, { payload: new Uint8Array(7) })], /^6 /],
    ["a reset of a wrong size", [HEADERS, frame(FRAME.rstStream, { streamId: 1 })], /^6 /],
    ["a goodbye that is cut off", [frame(FRAME.goaway, { payload: new Uint8Array(7) })], /^1 /],
    ["headers that can't be read", [headersFrame(1, new Uint8Array([0x80]), true)], /^9 /],
    ["a frame that is too large", [frame(99, { payload: new Uint8Array(16_385) })], /^6 /],
  ] as [string, Frame[], RegExp][]
) {
  Deno.test(`a connection ends for ${what}`, async () => {
    const client = rawClient();
    client.send(...frames);
    assert.match(await goodbye(client), expected);
  });
}

Deno.test("a connection ends for something else than HTTP/2", async () => {
  const [ours, theirs] = wirePair();
  new GrpcServer({ handlers: new Map(), maxMessageBytes: 1_000 }).accept(theirs);
  await ours.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  const received: Frame[] = [];
  const onFrame = (one: Frame) => void received.push({ ...one, payload: one.payload.slice() });
  await readFrames(ours, { expectsPreface: false, room: () => Promise.resolve(), onFrame });
  assert.deepEqual(received.map(({ type }) => type), [
    FRAME.settings,
    FRAME.windowUpdate,
    FRAME.goaway,
  ]);
});

Deno.test("a connection ends for more data than there was room for", async () => {
  const client = rawClient(() => {});
  client.send(HEADERS, dataFrame(1, framed(new Uint8Array(1_000)).subarray(0, 100), false));
  // Of a call that is over, which counts on the connection alone.
  for (let index = 0; index < 70; index++) {
    client.send(dataFrame(1, new Uint8Array(16_384), false));
  }
  client.send(headersFrame(3, REQUEST, false));
  await client.settled();
  const { payload: [code] } = await client.first(({ type, streamId }) => {
    return type === FRAME.rstStream && streamId === 1;
  });
  assert.equal(code, 0);
  client.close();
});

Deno.test("frames of streams that are over, and of unknown types, are let pass", async () => {
  const client = rawClient();
  client.send(
    frame(77, { payload: new Uint8Array(10) }),
    frame(FRAME.priority, { streamId: 9, payload: new Uint8Array(5) }),
    HEADERS,
    dataFrame(1, framed(new Uint8Array(3)), true),
  );
  await client.first(({ type, flags }) => type === FRAME.headers && (flags & FLAG.endStream) !== 0);
  client.send(windowUpdateFrame(1, 10), resetFrame(1, 8), headersFrame(1, REQUEST, true));
  await client.settled();
  assert.ok(!client.received.some(({ type }) => type === FRAME.goaway));
  client.close();
});

Deno.test("padding, priority and headers in pieces are read as what they hold", async () => {
  const messages: number[] = [];
  const client = rawClient((call) => {
    messages.push(call.message.length);
    call.answer(call.message);
  });
  const padded = new Uint8Array([2, 0, 0, 0, 0, 16, ...REQUEST.subarray(0, 5), 0, 0]);
  client.send(
    frame(FRAME.headers, { streamId: 1, flags: FLAG.padded | FLAG.priority, payload: padded }),
    frame(FRAME.continuation, { streamId: 1, payload: REQUEST.subarray(5, 9) }),
    frame(FRAME.continuation, {
      streamId: 1,
      flags: FLAG.endHeaders,
      payload: REQUEST.subarray(9),
    }),
    frame(FRAME.data, {
      streamId: 1,
      flags: FLAG.padded | FLAG.endStream,
      payload: new Uint8Array([3, ...framed(new Uint8Array(4)), 0, 0, 0]),
    }),
  );
  await client.first(({ type, flags }) => type === FRAME.headers && (flags & FLAG.endStream) !== 0);
  assert.deepEqual(messages, [4]);
  client.close();
});

Deno.test("headers in ever more pieces end the connection (CVE-2024-27316)", async () => {
  const client = rawClient();
  client.send(frame(FRAME.headers, { streamId: 1, payload: REQUEST }));
  const piece = new Uint8Array(16_000);
  for (let index = 0; index < 5; index++) {
    client.send(frame(FRAME.continuation, { streamId: 1, payload: piece }));
  }
  assert.match(await goodbye(client), /^11 .*too many pieces/);
});

Deno.test("calls broken off as fast as they are made get no more work than others (CVE-2023-44487)", async () => {
  let calls = 0;
  // None of them ends: as if each were hard to undo.
  const client = rawClient(() => void calls++);
  for (let id = 1; id < 10_000; id += 2) {
    client.send(
      headersFrame(id, REQUEST, false),
      dataFrame(id, framed(new Uint8Array(1)), true),
      resetFrame(id, 8),
    );
  }
  await client.settled();
  assert.equal(calls, 1_000);
  const refused = client.received.filter(({ type, payload }) => {
    return type === FRAME.rstStream && payload[3] === 7;
  });
  assert.equal(refused.length, 4_000);
  client.close();
});

Deno.test("a client that asks and never reads is read from no more (CVE-2019-9512)", async () => {
  const [ours, theirs] = wirePair();
  new GrpcServer({ handlers: new Map(), maxMessageBytes: 1_000 }).accept(theirs);
  let written = 0;
  const write = ours.write.bind(ours);
  const outbox = new Outbox({
    ...ours,
    write: async (bytes) => {
      const count = await write(bytes);
      written += count;
      return count;
    },
  }, { room: () => {}, failed: () => {} });
  outbox.raw(PREFACE);
  const ping = frame(FRAME.ping, { payload: new Uint8Array(8) });
  for (let index = 0; index < 100_000; index++) outbox.frame(ping);
  // Nothing moves any more: neither end has anything to do but wait for the other.
  let before = -1;
  while (written !== before) {
    before = written;
    for (let turn = 0; turn < 1_000; turn++) await Promise.resolve();
  }
  assert.ok(written < 1_700_000 / 2, `${written} bytes were taken`);
  ours.close();
});

Deno.test("a large answer takes no more of the connection's memory than a small one", async () => {
  const [ours, theirs] = wirePair();
  const sizes: number[] = [];
  const handler: Handler = (call) => call.answer(new Uint8Array(8 * 1024 * 1024));
  new GrpcServer({ handlers: new Map([[PATH, handler]]), maxMessageBytes: 1_000 }).accept({
    ...theirs,
    write: (bytes) => {
      sizes.push(bytes.length);
      return theirs.write(bytes);
    },
  });
  const outbox = new Outbox(ours, { room: () => {}, failed: () => {} });
  outbox.raw(PREFACE);
  const window = 2 ** 30;
  outbox.frame(settingsFrame({ [SETTING.initialWindowSize]: window }));
  outbox.frame(windowUpdateFrame(0, window));
  outbox.frame(HEADERS);
  outbox.frame(dataFrame(1, framed(new Uint8Array()), true));
  let read = 0;
  await readFrames(ours, {
    expectsPreface: false,
    room: () => Promise.resolve(),
    onFrame: ({ type, flags, payload }) => {
      if (type === FRAME.data) read += payload.length;
      if (type === FRAME.headers && (flags & FLAG.endStream) !== 0) ours.close();
    },
  });
  assert.equal(read, 5 + 8 * 1024 * 1024);
  assert.ok(Math.max(...sizes) < 300 * 1024, `${Math.max(...sizes)} bytes were written at once`);
});
