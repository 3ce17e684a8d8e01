import assert from "node:assert/strict";
import { request } from "../../tests/world/spdy_client.ts";
import { type Certificate, makeCertificate } from "./certificate.ts";
import { hostsOf, StreamListener } from "./listener.ts";
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

const HOUR_MS = 3_600_000;

async function certificateFor(host: string): Promise<Certificate> {
  const now = Date.now();
  const valid = { notBeforeMs: now - HOUR_MS, notAfterMs: now + HOUR_MS };
  return await makeCertificate({ hosts: [host], ...valid });
}

/** Whether a client that trusts this certificate alone talks with the server of a URL. */
async function isTrusted(url: string, { cert }: Certificate): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = await Deno.connectTls({ hostname, port: Number(port), caCerts: [cert] });
  try {
    await socket.handshake();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.InvalidData) return false;
    throw error;
  } finally {
    socket.close();
  }
}

const noOne = { kind: "exec", serve: () => Promise.resolve(), lost: () => {} } as const;

/** A loopback address that nothing else on a machine uses. */
const LONELY = "127.86.75.30";

for (const port of [0, 40_009]) {
  const name = port === 0 ? "on another free port" : "on its port";
  Deno.test(`StreamListener serves with a new certificate ${name} and keeps its clients`, async () => {
    const [first, second] = [await certificateFor(LONELY), await certificateFor(LONELY)];
    const options = { address: `${LONELY}:${port}`, tls: first, idleMs: 0 };
    const listener = new StreamListener(options);
    const old = listener.grant(noOne);
    const connected = await Deno.connectTls({
      hostname: LONELY,
      port: Number(new URL(old).port),
      caCerts: [first.cert],
    });
    await connected.handshake();
    await listener.renew(second);
    const url = listener.grant(noOne);
    assert.deepEqual([await isTrusted(url, first), await isTrusted(url, second)], [false, true]);
    assert.equal(await isTrusted(old, port === 0 ? first : second), true);
    await connected.write(new TextEncoder().encode("no request\r\n\r\n"));
    const answer = new Uint8Array(12);
    await connected.read(answer);
    assert.equal(new TextDecoder().decode(answer), "HTTP/1.1 400");
    connected.close();
    for (const each of [old, url]) listener.revoke(each);
    await listener.close();
  });
}

Deno.test("hostsOf() has what the URLs name, and the loopback", () => {
  const loopback = ["localhost", "127.0.0.1", "::1"];
  assert.deepEqual(hostsOf("node.example:1"), ["node.example", ...loopback]);
  assert.deepEqual(hostsOf("[2001:db8::5]:1"), ["2001:db8::5", ...loopback]);
  assert.deepEqual(hostsOf(":1"), ["127.0.0.1", "localhost", "::1"]);
});
