/** Calls from a client to a server, both ours, over a connection within the test. */
import assert from "node:assert/strict";
import { wirePair } from "../../tests/fakes/wire_pair.ts";
import { GrpcClient } from "./client.ts";
import type { ClientCall } from "./client_call.ts";
import { GrpcServer, type Handler } from "./server.ts";
import type { Cancellation, ServerCall } from "./server_call.ts";
import { CODE, type Status } from "./status.ts";

const MIB = 1024 * 1024;
const PATH = "/test.Service/Method";
const OK: Status = { code: CODE.ok, details: "" };

interface Asked {
  readonly message?: Uint8Array;
  readonly path?: string;
  readonly timeoutMs?: number;
}

interface Answer {
  readonly messages: Uint8Array[];
  readonly status: Status;
}

class World {
  readonly server: GrpcServer;
  readonly client: GrpcClient;
  readonly ended = Promise.withResolvers<string>();
  readonly draining = Promise.withResolvers<void>();

  private constructor(handler: Handler, ready: () => void) {
    const [ours, theirs] = wirePair();
    this.server = new GrpcServer({
      handlers: new Map([[PATH, handler]]),
      maxMessageBytes: 16 * MIB,
    });
    this.server.accept(theirs);
    this.client = new GrpcClient(ours, {
      maxMessageBytes: 16 * MIB,
      onReady: ready,
      onDraining: this.draining.resolve,
      onEnd: this.ended.resolve,
    });
  }

  static async open(handler: Handler): Promise<World> {
    const ready = Promise.withResolvers<void>();
    const world = new World(handler, ready.resolve);
    await ready.promise;
    return world;
  }

  begin({ message = new Uint8Array(), path = PATH, timeoutMs = 0 }: Asked = {}) {
    const messages: Uint8Array[] = [];
    const end = Promise.withResolvers<Answer>();
    const call: ClientCall = this.client.call({ path, timeoutMs }, {
      message: (bytes) => messages.push(bytes),
      end: (status) => end.resolve({ messages, status }),
    });
    call.send(message);
    call.halfClose();
    return { call, messages, answer: end.promise };
  }

  async ask(asked?: Asked): Promise<Answer> {
    return await this.begin(asked).answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close("the test is over");
    await this.server.close();
  }
}

const echo: Handler = (call) => call.answer(call.message);

for (const size of [0, 1, 16_379, 16_384, 65_535, 300_000, 10 * MIB]) {
  Deno.test(`a message of ${size} bytes goes there and back unchanged`, async () => {
    await using world = await World.open(echo);
    const message = new Uint8Array(size).map((_, index) => index * 7 + (index >> 8));
    const { messages, status } = await world.ask({ message });
    assert.deepEqual(status, OK);
    assert.equal(messages.length, 1);
    assert.equal(messages[0]?.length, size);
    assert.ok(messages[0].every((byte, index) => byte === message[index]));
  });
}

Deno.test("calls under way at once each get their own answer", async () => {
  await using world = await World.open((call) => {
    setTimeout(() => call.answer(call.message), (call.message[0] ?? 0) % 3);
  });
  const answers = await Promise.all(
    Array.from({ length: 500 }, (_, index) => {
      return world.ask({ message: new Uint8Array(index).fill(index) });
    }),
  );
  for (const [index, { messages }] of answers.entries()) {
    assert.deepEqual(messages, [new Uint8Array(index).fill(index)]);
  }
});

Deno.test("an error arrives with its code and its words", async () => {
  const status = { code: CODE.notFound, details: "no pod “a”: 100 %\nremedy" };
  await using world = await World.open((call) => call.end(status));
  assert.deepEqual(await world.ask(), { messages: [], status });
});

Deno.test("a method that isn't there is UNIMPLEMENTED, whatever is sent with the call", async () => {
  await using world = await World.open(echo);
  const { status } = await world.ask({ path: "/test.Service/None", message: new Uint8Array(MIB) });
  assert.equal(status.code, CODE.unimplemented);
  assert.match(status.details, /\/test\.Service\/None/);
  assert.deepEqual((await world.ask()).status, OK);
});

Deno.test("a message larger than allowed is refused, and the connection goes on", async () => {
  await using world = await World.open(echo);
  const { status } = await world.ask({ message: new Uint8Array(17 * MIB) });
  assert.equal(status.code, CODE.resourceExhausted);
  assert.deepEqual((await world.ask()).status, OK);
});

Deno.test("a stream of messages comes in order and ends", async () => {
  await using world = await World.open((call) => {
    call.begin();
    for (let index = 0; index < 1_000; index++) call.write(new Uint8Array([index, index >> 8]));
    call.end(OK);
  });
  const { messages, status } = await world.ask();
  assert.deepEqual(status, OK);
  assert.deepEqual(messages.map(([low = 0, high = 0]) => low + high * 256), [
    ...Array(1_000).keys(),
  ]);
});

Deno.test("a client that takes nothing holds the server, and only that call", async () => {
  const held = Promise.withResolvers<number>();
  await using world = await World.open(async (call) => {
    if (call.message.length === 0) return call.answer(new Uint8Array());
    const piece = new Uint8Array(64 * 1024);
    let written = 0;
    while (written < 64 * MIB) {
      written += piece.length;
      if (call.write(piece)) continue;
      held.resolve(written);
      await call.room();
    }
    call.end(OK);
  });
  const { call, messages, answer } = world.begin({ message: new Uint8Array(1) });
  call.pause();
  const written = await held.promise;
  assert.ok(written < 6 * MIB, `${written} bytes were written`);
  assert.deepEqual((await world.ask()).status, OK);
  call.resume();
  assert.deepEqual((await answer).status, OK);
  assert.equal(messages.length, 1_024);
});

/** A handler that waits to be told that its call isn't wanted any more. */
function waiting() {
  const begun = Promise.withResolvers<ServerCall>();
  const cancelled = Promise.withResolvers<Cancellation>();
  const handler: Handler = (call) => {
    call.onCancelled(cancelled.resolve);
    begun.resolve(call);
  };
  return { handler, begun: begun.promise, cancelled: cancelled.promise };
}

Deno.test("a call that its client cancels is told to its handler", async () => {
  const { handler, begun, cancelled } = waiting();
  await using world = await World.open(handler);
  const { call, answer } = world.begin();
  const served = await begun;
  call.cancel(CODE.cancelled, "no longer wanted");
  assert.deepEqual((await answer).status, { code: CODE.cancelled, details: "no longer wanted" });
  assert.equal(await cancelled, "gone");
  served.answer(new Uint8Array());
});

Deno.test("a deadline ends the call for both", async () => {
  const { handler, cancelled } = waiting();
  await using world = await World.open(handler);
  const { status } = await world.ask({ timeoutMs: 20 });
  assert.equal(status.code, CODE.deadlineExceeded);
  // Which of the two clocks is first isn't told.
  assert.match(await cancelled, /^(deadline|gone)$/);
});

Deno.test("calls of a connection that is lost end as UNAVAILABLE, and their handlers hear of it", async () => {
  const { handler, begun, cancelled } = waiting();
  await using world = await World.open(handler);
  const { answer } = world.begin();
  await begun;
  await world.client.close("lost");
  assert.deepEqual((await answer).status, { code: CODE.unavailable, details: "lost" });
  assert.equal(await cancelled, "gone");
  assert.equal(world.client.isOpen, false);
});

Deno.test("a server that drains lets calls end, and takes no others", async () => {
  const { handler, begun } = waiting();
  await using world = await World.open(handler);
  const { answer } = world.begin();
  const served = await begun;
  const drained = world.server.drain();
  await world.draining.promise;
  assert.equal(world.client.isOpen, false);
  const late = await world.ask();
  assert.equal(late.status.code, CODE.unavailable);
  served.answer(new Uint8Array([1]));
  assert.deepEqual(await answer, { messages: [new Uint8Array([1])], status: OK });
  await drained;
});

Deno.test("a server that is closed ends its connections", async () => {
  const world = await World.open(echo);
  await world.server.close();
  assert.match(await world.ended.promise, /closed/);
});

Deno.test("of too many connections one that is idle is closed, and none with a call on it", async () => {
  const { handler, begun } = waiting();
  await using world = await World.open(handler);
  const { answer } = world.begin();
  const served = await begun;
  const ended: number[] = [];
  const closed = Promise.withResolvers<void>();
  const clients = Array.from({ length: 2_000 }, (_, index) => {
    const [ours, theirs] = wirePair();
    world.server.accept(theirs);
    return new GrpcClient(ours, {
      maxMessageBytes: MIB,
      onReady: () => {},
      onDraining: () => {},
      onEnd: () => {
        ended.push(index);
        closed.resolve();
      },
    });
  });
  await closed.promise;
  assert.deepEqual(ended, [0]);
  served.answer(new Uint8Array([1]));
  assert.deepEqual((await answer).status, OK);
  await Promise.all(clients.map((client) => client.close("the test is over")));
});
