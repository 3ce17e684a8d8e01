import assert from "node:assert/strict";
import { parseHead } from "./http_head.ts";
import { type StreamKind, upgrade } from "./upgrade.ts";

const WEBSOCKET = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];
const SPDY = ["Connection: upgrade", "Upgrade: SPDY/3.1"];

function ask(kind: StreamKind, lines: readonly string[], method = "GET") {
  const head = [`${method} /x HTTP/1.1`, ...lines, "", ""].join("\r\n");
  const result = upgrade(parseHead(new TextEncoder().encode(head)), kind);
  return { result, text: new TextDecoder().decode(result.answer) };
}

Deno.test("upgrade() takes the first protocol of the client that is known", () => {
  const offer = "Sec-WebSocket-Protocol: v9.channel.k8s.io, v5.channel.k8s.io, v4.channel.k8s.io";
  const { result, text } = ask("exec", [...WEBSOCKET, offer]);
  assert.deepEqual(result.ok && result.spoken, {
    kind: "websocket",
    protocol: { version: 5, isBase64: false },
  });
  assert.match(text, /^HTTP\/1\.1 101 .*\r\nSec-WebSocket-Protocol: v5\.channel\.k8s\.io\r\n/s);
  // The example of RFC 6455, 1.3.
  assert.match(text, /Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/);
});

Deno.test("upgrade() speaks the first version with clients that name none", () => {
  const { result, text } = ask("attach", SPDY, "POST");
  assert.deepEqual(result.ok && result.spoken, { kind: "spdy", version: 1 });
  assert.doesNotMatch(text, /X-Stream-Protocol-Version/);
});

Deno.test("upgrade() tunnels SPDY for port-forward alone", () => {
  const offer = "Sec-WebSocket-Protocol: SPDY/3.1+portforward.k8s.io";
  const { result } = ask("portforward", [...WEBSOCKET, offer]);
  assert.deepEqual(result.ok && result.spoken, { kind: "tunnel" });
  assert.match(ask("exec", [...WEBSOCKET, offer]).text, /^HTTP\/1\.1 403 /);
});

Deno.test("upgrade() refuses unknown SPDY protocols and says which are known", () => {
  const { result, text } = ask("portforward", [...SPDY, "X-Stream-Protocol-Version: v2"], "POST");
  assert.equal(result.ok, false);
  assert.match(text, /403 .*X-Accepted-Stream-Protocol-Versions: portforward\.k8s\.io\r\n/s);
});

const REFUSED: readonly { name: string; lines: readonly string[]; method?: string }[] = [
  { name: "no upgrade", lines: ["Connection: close"] },
  { name: "an upgrade to HTTP/2", lines: ["Connection: Upgrade", "Upgrade: h2c"] },
  { name: "an upgrade without its Connection header", lines: ["Upgrade: websocket"] },
  { name: "a WebSocket by POST", lines: WEBSOCKET, method: "POST" },
  { name: "a WebSocket without a key", lines: WEBSOCKET.slice(0, 3) },
];

for (const { name, lines, method } of REFUSED) {
  Deno.test(`upgrade() refuses ${name}`, () => {
    assert.match(ask("exec", lines, method).text, /^HTTP\/1\.1 400 /);
  });
}
