import assert from "node:assert/strict";
import { Inbox } from "./inbox.ts";

function open(limit: number) {
  const wire = { isPaused: false, cancelled: 0 };
  const inbox = new Inbox<number>({
    limit,
    pause: () => wire.isPaused = true,
    resume: () => wire.isPaused = false,
    cancel: () => wire.cancelled++,
  });
  return { inbox, wire };
}

Deno.test("Inbox gives what waits, then the end", async () => {
  const { inbox } = open(4);
  inbox.push(1);
  inbox.push(2);
  inbox.end();
  assert.deepEqual(await Array.fromAsync(inbox), [1, 2]);
});

Deno.test("Inbox gives what waits, then the error, once", async () => {
  const { inbox } = open(4);
  inbox.push(1);
  inbox.end(new Error("broken"));
  assert.equal((await inbox.next()).value, 1);
  await assert.rejects(inbox.next(), /broken/);
  assert.equal((await inbox.next()).done, true);
});

Deno.test("Inbox hands a message to a reader who waits already", async () => {
  const { inbox } = open(4);
  const next = inbox.next();
  inbox.push(7);
  assert.deepEqual(await next, { done: false, value: 7 });
});

Deno.test("Inbox holds the wire while there is no room", async () => {
  const { inbox, wire } = open(2);
  inbox.push(1);
  assert.equal(wire.isPaused, false);
  inbox.push(2);
  assert.equal(wire.isPaused, true);
  // It was on its way.
  inbox.push(3);
  await inbox.next();
  assert.equal(wire.isPaused, true);
  await inbox.next();
  assert.equal(wire.isPaused, false);
});

Deno.test("Inbox cancels the wire when its reader stops early", async () => {
  const { inbox, wire } = open(2);
  inbox.push(1);
  for await (const _ of inbox) break;
  assert.equal(wire.cancelled, 1);
});
