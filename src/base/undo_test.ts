import assert from "node:assert/strict";
import { Undo } from "./undo.ts";

Deno.test("Undo runs its steps in reverse order", async () => {
  const order: string[] = [];
  const undo = new Undo();
  await undo.add("first", () => void order.push("first"));
  await undo.add("second", () => void order.push("second"));
  assert.deepEqual(await undo.run(), []);
  assert.deepEqual(order, ["second", "first"]);
});

Deno.test("Undo stops at the first step that fails and tells what is left", async () => {
  const order: string[] = [];
  const undo = new Undo();
  await undo.add("record", () => void order.push("record"));
  await undo.add("network", () => {
    throw new Error("DEL failed");
  });
  await undo.add("task", () => void order.push("task"));
  assert.deepEqual(await undo.run(), ["network", "record"]);
  assert.deepEqual(order, ["task"]);
});

Deno.test("Undo undoes a step at once when it comes after the undo", async () => {
  const order: string[] = [];
  const undo = new Undo();
  await undo.run();
  await undo.add("late", () => void order.push("late"));
  assert.deepEqual(order, ["late"]);
});

Deno.test("Undo does nothing once everything is kept", async () => {
  const order: string[] = [];
  const undo = new Undo();
  await undo.add("step", () => void order.push("step"));
  undo.keep();
  assert.deepEqual(await undo.run(), []);
  assert.deepEqual(order, []);
});

Deno.test("Undo gives its steps a signal of its own", async () => {
  const undo = new Undo();
  let signal: AbortSignal | undefined;
  await undo.add("step", (own) => {
    signal = own;
  });
  await undo.run(60_000);
  assert.equal(signal?.aborted, false);
});
