import assert from "node:assert/strict";
import { CriError, during } from "./errors.ts";
import { errorText, isSecretName, scrub, showable } from "./redact.ts";

Deno.test("isSecretName() knows the words of secrets in any spelling", () => {
  for (const name of ["auth", "password", "identityToken", "registry_token", "Authorization"]) {
    assert.ok(isSecretName(name), name);
  }
  for (const name of ["author", "tokens2go", "containerId", "path", "authority"]) {
    assert.ok(!isSecretName(name), name);
  }
});

Deno.test("scrub() takes credentials and queries out of texts", () => {
  assert.equal(
    scrub("GET https://u:p@reg.example/v2/a?sig=abc&x=1: 403"),
    "GET https://[redacted]@reg.example/v2/a?[redacted] 403",
  );
  assert.equal(scrub("header Bearer abcdefghij.k"), "header Bearer [redacted]");
  assert.equal(scrub("a question? an answer"), "a question? an answer");
});

Deno.test("showable() hides secrets at any depth", () => {
  const shown = showable({ a: [{ password: "p" }], m: new Map([["token", "t"]]), n: 5n });
  assert.deepEqual(shown, {
    a: [{ password: "[redacted]" }],
    m: { token: "[redacted]" },
    n: "5",
  });
});

Deno.test("showable() bounds what it is given", () => {
  const round: Record<string, unknown> = {};
  round.self = round;
  assert.ok(JSON.stringify(showable(round)).length < 200);
  assert.ok(JSON.stringify(showable("x".repeat(10_000_000))).length < 5_000);
  assert.ok(JSON.stringify(showable(Array(10_000).fill(1))).length < 1_000);
  assert.equal(showable(new Uint8Array(7)), "7 bytes");
});

Deno.test("errorText() tells each message of a chain once", () => {
  const inner = new CriError("notFound", "no such file", { remedy: "make it" });
  assert.equal(errorText(during("Cannot start", inner)), "Cannot start: no such file; make it");
  const outer = new CriError("internal", "Cannot pull", { cause: new Error("reset by peer") });
  assert.equal(errorText(outer), "Cannot pull (reset by peer)");
});
