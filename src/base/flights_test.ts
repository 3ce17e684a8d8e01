import assert from "node:assert/strict";
import { isKind } from "./errors.ts";
import { Flights } from "./flights.ts";
import { Operation } from "./operation.ts";

const never = new AbortController().signal;

function controlled() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let starts = 0;
  let signal: AbortSignal | undefined;
  const work = (own: AbortSignal) => {
    starts++;
    signal = own;
    return { operation: new Operation("make it", own), result: promise };
  };
  return { work, resolve, reject, starts: () => starts, signal: () => signal };
}

Deno.test("Flights lets a repeated request join the first and get its result", async () => {
  const flights = new Flights<string>();
  const { work, resolve, starts } = controlled();
  const call = { name: "pod", request: "same", signal: never };
  const both = Promise.all([flights.join(call, work), flights.join(call, work)]);
  resolve("id");
  assert.deepEqual(await both, ["id", "id"]);
  assert.equal(starts(), 1);
});

Deno.test("Flights refuses another request for a name in progress", async () => {
  const flights = new Flights<string>();
  const { work, resolve } = controlled();
  const first = flights.join({ name: "pod", request: "one", signal: never }, work);
  await assert.rejects(
    flights.join({ name: "pod", request: "other", signal: never }, work),
    (error) => isKind(error, "alreadyExists"),
  );
  resolve("id");
  await first;
});

Deno.test("Flights gives the work up when its only caller goes away", async () => {
  const flights = new Flights<string>();
  const { work, signal, reject } = controlled();
  const abort = new AbortController();
  const call = flights.join({ name: "pod", request: "r", signal: abort.signal }, work);
  abort.abort(new DOMException("gone", "AbortError"));
  await assert.rejects(call);
  assert.equal(signal()?.aborted, true);
  reject(new Error("given up"));
});

Deno.test("Flights goes on after a deadline and hands the result to the retry", async () => {
  const flights = new Flights<string>();
  const { work, resolve, signal, starts } = controlled();
  const abort = new AbortController();
  const first = flights.join({ name: "pod", request: "r", signal: abort.signal }, work);
  abort.abort(new DOMException("late", "TimeoutError"));
  await assert.rejects(first, (error) => isKind(error, "deadlineExceeded"));
  assert.equal(signal()?.aborted, false);
  resolve("id");
  await Promise.resolve();
  const retry = flights.join({ name: "pod", request: "r", signal: never }, work);
  assert.equal(await retry, "id");
  assert.equal(starts(), 1);
});

Deno.test("Flights forgets a result whose object is gone", async () => {
  const flights = new Flights<string>();
  const { work, resolve, starts } = controlled();
  const abort = new AbortController();
  const first = flights.join({ name: "pod", request: "r", signal: abort.signal }, work);
  abort.abort(new DOMException("late", "TimeoutError"));
  await assert.rejects(first);
  resolve("id");
  await Promise.resolve();
  flights.forget((value) => value === "id");
  await flights.join({ name: "pod", request: "r", signal: never }, work);
  assert.equal(starts(), 2);
});
