import assert from "node:assert/strict";
import { FakeWire } from "../../tests/fakes/wire.ts";
import {
  controlFrame,
  dataFrame,
  FLAG_FIN,
  GOAWAY,
  PING,
  RST_STREAM,
  SpdyParser,
  SYN_REPLY,
  SYN_STREAM,
} from "./spdy_frames.ts";
import { HeaderWriter } from "./spdy_headers.ts";
import { SpdySession, type SpdyStream } from "./spdy_session.ts";
import { concat } from "../base/concat.ts";

/** A session with what its client does and sees. */
function setUp(maxStreams = 4) {
  const wire = new FakeWire();
  const streams: SpdyStream[] = [];
  const session = new SpdySession(wire, { maxStreams, onStream: (stream) => streams.push(stream) });
  const running = session.run();
  const headers = new HeaderWriter();
  return {
    wire,
    streams,
    session,
    running,
    open: async (id: number, flags = 0) => {
      const block = headers.write(new Map([["streamtype", "data"]]));
      const rest = concat([new Uint8Array(2), block]);
      await wire.give(controlFrame(SYN_STREAM, [id, 0], { rest, flags }));
    },
    /** The client ends, and all is taken; then what the server answered, by type. */
    answers: async () => {
      wire.giveEnd();
      await running;
      const parser = new SpdyParser();
      return [...parser.push(concat(wire.sent))].map((event) =>
        event.kind === "data"
          ? `data ${event.streamId}`
          : `${event.type} ${event.body.getUint32(0)}`
      );
    },
  };
}

const text = async (stream: SpdyStream | undefined) =>
  new TextDecoder().decode(await stream?.incoming.take());

Deno.test("SpdySession replies to each stream and hands its data to it alone", async () => {
  const { wire, streams, open, answers } = setUp();
  await open(1);
  await open(3, FLAG_FIN);
  await wire.give(dataFrame(1, new TextEncoder().encode("one"), true));
  assert.deepEqual(await answers(), [`${SYN_REPLY} 1`, `${SYN_REPLY} 3`]);
  assert.equal(streams.length, 2);
});

Deno.test("SpdySession gives data in order, then its end", async () => {
  const { wire, streams, open } = setUp();
  await open(1);
  await wire.give(dataFrame(1, new TextEncoder().encode("one")));
  await wire.give(dataFrame(1, new TextEncoder().encode("two"), true));
  while (streams.length === 0) await new Promise((resolve) => setTimeout(resolve));
  assert.equal(await text(streams[0]), "one");
  assert.equal(await text(streams[0]), "two");
  assert.equal(await streams[0]?.incoming.take(), undefined);
});

Deno.test("SpdySession refuses streams over its bound and goes on with the others", async () => {
  const { open, answers } = setUp(1);
  await open(1);
  await open(3);
  assert.deepEqual(await answers(), [`${SYN_REPLY} 1`, `${RST_STREAM} 3`]);
});

Deno.test("SpdySession answers pings of the client and no others", async () => {
  const { wire, answers } = setUp();
  await wire.give(controlFrame(PING, [5]));
  await wire.give(controlFrame(PING, [6]));
  assert.deepEqual(await answers(), [`${PING} 5`]);
});

Deno.test("SpdySession resets a stream without hurting another", async () => {
  const { wire, streams, open, answers } = setUp();
  await open(1);
  await open(3);
  await wire.give(controlFrame(RST_STREAM, [1, 5]));
  // Still on its way when it was reset.
  await wire.give(dataFrame(1, new Uint8Array(3)));
  await wire.give(controlFrame(PING, [1]));
  assert.deepEqual((await answers()).at(-1), `${PING} 1`);
  await streams[0]?.wasReset;
});

Deno.test("SpdySession says good-bye and drops what comes afterwards", async () => {
  const { wire, session, open, answers } = setUp();
  await open(1);
  await session.end();
  assert(wire.isEnded);
  await wire.give(controlFrame(PING, [1]));
  const all = await answers();
  assert(all.some((answer) => answer.startsWith(`${GOAWAY} `)));
  assert(!all.includes(`${PING} 1`));
});

const HOSTILE: readonly { name: string; frames: (Uint8Array<ArrayBuffer>)[] }[] = [
  { name: "data for a stream that was never opened", frames: [dataFrame(9, new Uint8Array(1))] },
  { name: "a reply to nothing", frames: [controlFrame(SYN_REPLY, [1])] },
  { name: "a stream without headers", frames: [controlFrame(SYN_STREAM, [1])] },
  { name: "a stream with broken headers", frames: [controlFrame(SYN_STREAM, [1, 0, 7, 7])] },
  { name: "a reset that is cut", frames: [controlFrame(RST_STREAM, [])] },
];

for (const { name, frames } of HOSTILE) {
  Deno.test(`SpdySession closes the connection for ${name}`, async () => {
    const { wire, running } = setUp();
    for (const frame of frames) await wire.give(frame);
    await running;
    assert(wire.isClosed);
  });
}

for (const id of [2, 1]) {
  Deno.test(`SpdySession closes the connection for a second stream with the id ${id}`, async () => {
    const { wire, running, open, streams } = setUp();
    await open(1);
    await open(id);
    await running;
    assert(wire.isClosed);
    assert.equal(streams.length, 1);
    await streams[0]?.wasReset;
  });
}
