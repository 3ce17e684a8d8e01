import assert from "node:assert/strict";
import { answer, hasBody, headEnd, listOf, parseHead } from "./http_head.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const GOOD = "POST /exec/token?x=1 HTTP/1.1\r\nHost: a\r\nUpgrade: SPDY/3.1\r\n" +
  "Connection: keep-alive, Upgrade\r\nX-A: one\r\nx-a:  two \r\n\r\n";

Deno.test("parseHead() reads method, path without query, and headers of all lines", () => {
  const head = parseHead(encode(GOOD));
  assert.deepEqual([head.method, head.path], ["POST", "/exec/token"]);
  assert.deepEqual(listOf(head, "x-a"), ["one", "two"]);
  assert.deepEqual(listOf(head, "connection"), ["keep-alive", "Upgrade"]);
  assert.deepEqual(listOf(head, "nothing"), []);
});

Deno.test("headEnd() finds the end of the head and leaves what follows", () => {
  const bytes = encode(`${GOOD}rest`);
  assert.equal(headEnd(bytes), bytes.length - 4);
  assert.equal(headEnd(bytes.subarray(0, bytes.length - 5)), undefined);
});

const BAD: readonly { name: string; head: string }[] = [
  { name: "HTTP/1.0", head: "GET / HTTP/1.0\r\n\r\n" },
  { name: "HTTP/2", head: "PRI * HTTP/2.0\r\n\r\n" },
  { name: "an absolute target", head: "GET http://a/ HTTP/1.1\r\n\r\n" },
  { name: "a space in the target", head: "GET /a b HTTP/1.1\r\n\r\n" },
  { name: "a header without a colon", head: "GET / HTTP/1.1\r\nfoo\r\n\r\n" },
  { name: "a folded header", head: "GET / HTTP/1.1\r\na: b\r\n c: d\r\n\r\n" },
  { name: "a space before the colon", head: "GET / HTTP/1.1\r\na : b\r\n\r\n" },
  { name: "a line feed of its own", head: "GET / HTTP/1.1\r\na: b\nc: d\r\n\r\n" },
  { name: "a NUL", head: "GET / HTTP/1.1\r\na: \0\r\n\r\n" },
  { name: "too many headers", head: `GET / HTTP/1.1\r\n${"a: b\r\n".repeat(101)}\r\n` },
];

for (const { name, head } of BAD) {
  Deno.test(`parseHead() refuses ${name}`, () => {
    assert.throws(() => parseHead(encode(head)), { name: "ProtocolError" });
  });
}

Deno.test("hasBody() is true for anything but no length or a length of 0", () => {
  const withHeader = (line: string) => parseHead(encode(`POST / HTTP/1.1\r\n${line}\r\n\r\n`));
  assert.equal(hasBody(withHeader("a: b")), false);
  assert.equal(hasBody(withHeader("Content-Length: 0")), false);
  assert.equal(hasBody(withHeader("Content-Length: 1")), true);
  assert.equal(hasBody(withHeader("Content-Length: 0\r\nContent-Length: 5")), true);
  assert.equal(hasBody(withHeader("Transfer-Encoding: chunked")), true);
});

Deno.test("answer() has a length when it ends the connection", () => {
  const text = new TextDecoder().decode(answer(404, [["X-A", "b"]], "ü\n"));
  assert.match(text, /^HTTP\/1\.1 404 Not Found\r\nX-A: b\r\n.*Content-Length: 3\r\n\r\nü\n$/s);
});
