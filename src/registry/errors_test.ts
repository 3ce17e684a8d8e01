import assert from "node:assert/strict";
import { networkReason, refused, unreachable } from "./errors.ts";

const asked = { what: "app:1", host: "example.com" };
const answer = (status: number, headers: HeadersInit = {}) => ({
  status,
  headers: new Headers(headers),
});

Deno.test("networkReason() keeps what went wrong and drops every URL", () => {
  const cause = new Error(
    "error sending request for url (https://s.example/b?sig=SECRET): client error (Connect): dns error",
  );
  const text = networkReason(new TypeError("fetch failed", { cause }));
  assert.equal(text, "client error (Connect): dns error");
  assert(!networkReason(new Error("see https://s.example/?sig=SECRET now")).includes("SECRET"));
});

Deno.test("refused() says what the registry said, on one line and not without end", () => {
  const message = `no\u001b[31m such\n${"x".repeat(1000)}`;
  const body = JSON.stringify({ errors: [{ code: "MANIFEST_UNKNOWN", message }] });
  const error = refused(asked, answer(404), body);
  assert.equal(error.kind, "notFound");
  assert.match(error.message, /HTTP 404, MANIFEST_UNKNOWN: no \[31m such x+…\)$/);
  assert(error.message.length < 400);
  assert.match(refused(asked, answer(404), "<html>").message, /\(HTTP 404\)$/);
});

Deno.test("refused() knows which answers may pass, and how long to wait", () => {
  assert.equal(refused(asked, answer(429, { "retry-after": "7" }), "").retryAfterMs, 7000);
  assert.equal(refused(asked, answer(429, { "retry-after": "soon" }), "").retryAfterMs, undefined);
  assert.equal(refused(asked, answer(503), "").isTransient, true);
  assert.equal(refused(asked, answer(501), "").isTransient, false);
  assert.equal(refused(asked, answer(403), "").isTransient, false);
});

Deno.test("unreachable() may pass for a broken connection, not for a certificate that is refused", () => {
  const failed = (reason: string) =>
    unreachable(asked, new TypeError("failed", { cause: new Error(reason) }));
  for (
    const reason of [
      "client error (Connect): invalid peer certificate: UnknownIssuer",
      "connection error: received fatal alert: CertificateRequired",
      "connection error: received fatal alert: UnknownCA",
    ]
  ) {
    assert.equal(failed(reason).isTransient, false, reason);
    assert.match(failed(reason).remedy ?? "", /hosts\.toml/);
  }
  assert.equal(failed("client error (Connect): tcp connect error: refused").isTransient, true);
});
