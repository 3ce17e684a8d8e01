import assert from "node:assert/strict";
import { Slots } from "./slots.ts";

/** Everything that can go on without waiting has done so. */
const settled = () => new Promise((resolve) => setTimeout(resolve));
const NEVER = new AbortController().signal;

Deno.test("Slots.run() lets as much work run as there are places, in its order", async () => {
  const slots = new Slots(2);
  const ends = Array.from({ length: 4 }, () => Promise.withResolvers<void>());
  const began: number[] = [];
  const work = ends.map(({ promise }, index) =>
    slots.run(NEVER, () => {
      began.push(index);
      return promise;
    })
  );
  await settled();
  assert.deepEqual(began, [0, 1]);
  ends[1]?.resolve();
  await work[1];
  await settled();
  assert.deepEqual(began, [0, 1, 2]);
  for (const { resolve } of ends) resolve();
  await Promise.all(work);
  assert.deepEqual(began, [0, 1, 2, 3]);
});

Deno.test("Slots.run() loses no place to work that failed or went away while it waited", async () => {
  const slots = new Slots(1);
  await assert.rejects(slots.run(NEVER, () => Promise.reject(new Error("failed"))), /failed/);
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = slots.run(NEVER, () => promise);
  const abort = new AbortController();
  const gone = slots.run(abort.signal, () => Promise.resolve());
  const last = slots.run(NEVER, () => Promise.resolve("last"));
  abort.abort(new Error("went away"));
  await assert.rejects(gone, /went away/);
  resolve();
  await first;
  assert.equal(await last, "last");
});
