import assert from "node:assert/strict";
import { Tokens } from "./tokens.ts";

Deno.test("Tokens are used once", () => {
  const tokens = new Tokens<string>();
  const token = tokens.give("exec", () => {});
  assert.match(token, /^[A-Za-z0-9_-]{22}$/);
  assert.equal(tokens.use(token), "exec");
  assert.equal(tokens.use(token), undefined);
  assert.equal(tokens.size, 0);
});

Deno.test("Tokens are bounded in number, and one that is used makes room", () => {
  const tokens = new Tokens<number>();
  const given = Array.from({ length: 1_000 }, (_, at) => tokens.give(at, () => {}));
  assert.equal(new Set(given).size, 1_000);
  assert.throws(() => tokens.give(1_000, () => {}), { kind: "resourceExhausted" });
  tokens.use(given[0] ?? "");
  given.push(tokens.give(1_000, () => {}));
  for (const token of given) tokens.use(token);
});

Deno.test("Tokens that nobody uses in time are over, and whoever waits is told", async () => {
  const tokens = new Tokens<string>(1);
  const { promise: told, resolve } = Promise.withResolvers<void>();
  const token = tokens.give("exec", resolve);
  await told;
  assert.equal(tokens.use(token), undefined);
  assert.equal(tokens.size, 0);
});
