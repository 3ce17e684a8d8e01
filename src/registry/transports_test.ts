import assert from "node:assert/strict";
import type { Fetch } from "./http.ts";
import { oneAfterAnother } from "./transports.ts";

const URL_ = new URL("https://registry.example/v2/");

/** Transports that fail with these words, or answer; and which of them were asked. */
function transports(...failures: (string | undefined)[]) {
  const asked: number[] = [];
  const all = failures.map((failure, index): Fetch => () => {
    asked.push(index);
    return failure === undefined
      ? Promise.resolve(new Response())
      : Promise.reject(new TypeError(failure));
  });
  return { fetch: oneAfterAnother(all), asked };
}

Deno.test("oneAfterAnother() shows certificates until one is taken, and that one first from then on", async () => {
  const { fetch, asked } = transports("received fatal alert: BadCertificate", undefined);
  await fetch(URL_, {});
  await fetch(URL_, {});
  assert.deepEqual(asked, [0, 1, 1]);
});

Deno.test("oneAfterAnother() passes on what has nothing to do with certificates", async () => {
  const { fetch, asked } = transports("connection reset", undefined);
  await assert.rejects(fetch(URL_, {}), /connection reset/);
  assert.deepEqual(asked, [0]);
});

Deno.test("oneAfterAnother() fails when the server takes none", async () => {
  const { fetch, asked } = transports("received fatal alert: UnknownCA", "certificate required");
  await assert.rejects(fetch(URL_, {}), /certificate required/);
  assert.deepEqual(asked, [0, 1]);
});
