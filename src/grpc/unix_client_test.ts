import assert from "node:assert/strict";
import { goawayFrame, settingsFrame } from "./frames.ts";
import { Outbox } from "./outbox.ts";
import { GrpcServer } from "./server.ts";
import type { ServerCall } from "./server_call.ts";
import { UnixClient } from "./unix_client.ts";

const PATH = "/test.Service/Method";
/** What a server takes at once from one connection. */
const LIMIT = 1_000;

/** A server that answers when it is told to. */
async function serve() {
  const dir = await Deno.makeTempDir({ prefix: "grpc-" });
  const waiting: ServerCall[] = [];
  let most = 0;
  const handler = (call: ServerCall) => {
    most = Math.max(most, waiting.push(call));
  };
  const server = new GrpcServer({ handlers: new Map([[PATH, handler]]), maxMessageBytes: 1_000 });
  const listener = Deno.listen({ transport: "unix", path: `${dir}/socket` });
  const accepting = (async () => {
    for await (const connection of listener) server.accept(connection);
  })();
  const client = new UnixClient(`${dir}/socket`, { maxMessageBytes: 1_000 });
  return {
    waiting,
    most: () => most,
    call: (signal?: AbortSignal) =>
      client.unary({ path: PATH, message: new Uint8Array([1]), signal }),
    answerAll: () => {
      for (const call of waiting.splice(0)) call.answer(call.message);
    },
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      await server.close();
      listener.close();
      await accepting;
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** Looks again after each turn of the loop. */
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("UnixClient has no more calls under way than the server takes at once", async () => {
  await using server = await serve();
  const calls = Array.from({ length: 2_500 }, () => server.call());
  let answered = 0;
  for (const call of calls) call.then(() => answered++);
  await until(() => {
    server.answerAll();
    return answered === calls.length;
  });
  assert.equal(server.most(), LIMIT);
});

Deno.test("UnixClient gives the turn of a call that isn't wanted any more to another", async () => {
  await using server = await serve();
  const first = Array.from({ length: LIMIT }, () => server.call());
  await until(() => server.waiting.length === LIMIT);
  const abort = new AbortController();
  const unwanted = server.call(abort.signal);
  const wanted = server.call();
  const rejected = assert.rejects(unwanted, { name: "AbortError" });
  abort.abort();
  await rejected;
  server.answerAll();
  await Promise.all(first);
  await until(() => server.waiting.length === 1);
  server.answerAll();
  assert.deepEqual(await wanted, new Uint8Array([1]));
});

for (const goesAway of [false, true]) {
  const how = goesAway ? "says that it goes away" : "is gone";
  Deno.test(`UnixClient fails when a server greets and ${how}`, async () => {
    const dir = await Deno.makeTempDir({ prefix: "grpc-" });
    const listener = Deno.listen({ transport: "unix", path: `${dir}/socket` });
    const greeting = (async () => {
      for await (const connection of listener) {
        const outbox = new Outbox(connection, { room: () => {}, failed: () => {} });
        outbox.frame(settingsFrame({}));
        if (goesAway) outbox.frame(goawayFrame(0, 0, "it stops"));
        await outbox.flushed();
        if (!goesAway) connection.close();
      }
    })();
    using client = new UnixClient(`${dir}/socket`, { maxMessageBytes: 1_000 });
    const call = () => client.unary({ path: PATH, message: new Uint8Array([1]) });
    await Promise.all([call(), call(), call()].map((it) => assert.rejects(it, { code: 14 })));
    listener.close();
    await greeting;
    await Deno.remove(dir, { recursive: true });
  });
}
