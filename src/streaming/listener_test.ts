import assert from "node:assert/strict";
import { request } from "../../tests/world/spdy_client.ts";
import { StreamListener } from "./listener.ts";
import type { StreamKind } from "./upgrade.ts";
import type { Wire } from "./wire.ts";

const SPDY = ["Connection: Upgrade", "Upgrade: SPDY/3.1"];

/** A listener and what became of its one grant. */
function setUp({ idleMs = 0, kind = "exec" }: { idleMs?: number; kind?: StreamKind } = {}) {
  const listener = new StreamListener({ address: "127.0.0.1:0", tls: undefined, idleMs });
  const { promise: served, resolve } = Promise.withResolvers<"served" | "lost">();
  const serve = async (wire: Wire) => {
    while (await wire.read() !== undefined);
    resolve("served");
  };
  const url = listener.grant({ kind, serve, lost: () => resolve("lost") });
  return { listener, url, served };
}

async function readToEnd(socket: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(1024);
  while (await socket.read(buffer) !== null);
  socket.close();
}

Deno.test("StreamListener serves the client that comes with a URL, and leaves nothing", async () => {
  const { listener, url, served } = setUp();
  const { socket, answer } = await request(url, SPDY);
  assert.equal(answer.status, 101);
  socket.close();
  assert.equal(await served, "served");
  await listener.close();
  assert.deepEqual([listener.connections, listener.waiting], [0, 0]);
});

Deno.test("StreamListener tells whoever waits when its client can't be served", async () => {
  const { listener, url, served } = setUp();
  const { socket, answer } = await request(url, ["Connection: close"]);
  assert.equal(answer.status, 400);
  await readToEnd(socket);
  assert.equal(await served, "lost");
  await listener.close();
});

const REFUSED: readonly { name: string; status: number; change(url: string): string }[] = [
  { name: "an unknown token", status: 404, change: (url) => url.replace(/[^/]*$/, "nothing") },
  { name: "no token", status: 404, change: (url) => url.replace(/[^/]*$/, "") },
  { name: "another path", status: 404, change: (url) => url.replace("/exec/", "/metrics/") },
  { name: "a target that is none", status: 400, change: (url) => `${url}/ü` },
];

for (const { name, status, change } of REFUSED) {
  Deno.test(`StreamListener answers ${name} with ${status}`, async () => {
    const { listener, url } = setUp();
    const target = change(url);
    const { socket, answer } = await request(target, status === 400 ? ["broken line"] : SPDY);
    assert.equal(answer.status, status);
    await readToEnd(socket);
    listener.revoke(url);
    await listener.close();
    assert.equal(listener.waiting, 0);
  });
}

Deno.test("StreamListener refuses a request with a body", async () => {
  const { listener, url } = setUp();
  const { socket, answer } = await request(url, [...SPDY, "Content-Length: 5"]);
  assert.equal(answer.status, 400);
  await readToEnd(socket);
  listener.revoke(url);
  await listener.close();
});

Deno.test("StreamListener ends a session over which nothing came or went for its time", async () => {
  const { listener, url, served } = setUp({ idleMs: 20 });
  const { socket } = await request(url, SPDY);
  assert.equal(await served, "served");
  socket.close();
  await listener.close();
});
