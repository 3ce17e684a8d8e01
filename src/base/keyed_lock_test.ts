import assert from "node:assert/strict";
import { KeyedLock, waitFor } from "./keyed_lock.ts";

const never = new AbortController().signal;

Deno.test("KeyedLock runs work for one key in the order of arrival", async () => {
  const lock = new KeyedLock<string>();
  const order: number[] = [];
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const first = lock.run("a", never, async () => {
    await gate;
    order.push(1);
  });
  const second = lock.run("a", never, () => Promise.resolve(void order.push(2)));
  await lock.run("b", never, () => Promise.resolve(void order.push(0)));
  open();
  await Promise.all([first, second]);
  assert.deepEqual(order, [0, 1, 2]);
});

Deno.test("KeyedLock goes on after work that failed", async () => {
  const lock = new KeyedLock<string>();
  await assert.rejects(lock.run("a", never, () => Promise.reject(new Error("broken"))));
  assert.equal(await lock.run("a", never, () => Promise.resolve("fine")), "fine");
});

Deno.test("KeyedLock lets a waiter give up without letting the next one in early", async () => {
  const lock = new KeyedLock<string>();
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  let isFirstDone = false;
  const first = lock.run("a", never, async () => {
    await gate;
    isFirstDone = true;
  });
  const abort = new AbortController();
  const second = lock.run("a", abort.signal, () => Promise.resolve());
  const third = lock.run("a", never, () => Promise.resolve(isFirstDone));
  abort.abort(new Error("gone"));
  await assert.rejects(second, { message: "gone" });
  open();
  await first;
  assert.equal(await third, true);
});

Deno.test("waitFor() throws the reason of a signal that is aborted already", async () => {
  const signal = AbortSignal.abort(new Error("gone"));
  await assert.rejects(waitFor(Promise.resolve(1), signal), { message: "gone" });
});

Deno.test("isTaken() tells whether somebody has a key or waits for it", async () => {
  const locks = new KeyedLock<string>();
  const { signal } = new AbortController();
  assert.equal(locks.isTaken("a"), false);
  await locks.run("a", signal, () => {
    assert.deepEqual([locks.isTaken("a"), locks.isTaken("b")], [true, false]);
    return Promise.resolve();
  });
  assert.equal(locks.isTaken("a"), false);
});
