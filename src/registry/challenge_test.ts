import assert from "node:assert/strict";
import { parseChallenges } from "./challenge.ts";

const plain = (header: string) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

Deno.test("parseChallenges() reads several challenges of one header", () => {
  const header =
    'Bearer realm="https://a.example/t",service="s, x",scope="repository:a:pull,push", Basic realm="b\\"c"';
  assert.deepEqual(plain(header), [
    ["bearer", {
      realm: "https://a.example/t",
      service: "s, x",
      scope: "repository:a:pull,push",
    }],
    ["basic", { realm: 'b"c' }],
  ]);
});

Deno.test("parseChallenges() takes bare schemes, tokens and odd spaces", () => {
  assert.deepEqual(plain("Negotiate, BASIC Realm = x ,"), [["negotiate", {}], [
    "basic",
    { realm: "x" },
  ]]);
});

Deno.test("parseChallenges() ends at what it can't understand, however long it is", () => {
  assert.deepEqual(plain(""), []);
  assert.deepEqual(plain('realm="x"'), []);
  assert.deepEqual(plain('Bearer realm="unclosed'), [["bearer", {}]]);
  assert.equal(plain('Bearer realm="' + "\\".repeat(1_000_000)).length, 1);
});
