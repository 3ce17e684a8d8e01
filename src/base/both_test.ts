import assert from "node:assert/strict";
import { both } from "./both.ts";

const never = new AbortController().signal;

Deno.test("both() gives both results", async () => {
  const results = await both(never, () => Promise.resolve(1), () => Promise.resolve("two"));
  assert.deepEqual(results, [1, "two"]);
});

Deno.test("both() aborts the sibling of a failing branch, awaits it and throws the cause", async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  let hasSettled = false;
  const work = both(
    never,
    () => Promise.reject(new Error("cause")),
    async (signal) => {
      signal.addEventListener("abort", () => release());
      await released;
      hasSettled = true;
      throw new Error("consequence");
    },
  );
  await assert.rejects(work, { message: "cause" });
  assert.equal(hasSettled, true);
});

Deno.test("both() throws when the second branch fails after the first succeeded", async () => {
  const work = both(never, () => Promise.resolve(1), () => Promise.reject(new Error("cause")));
  await assert.rejects(work, { message: "cause" });
});

Deno.test("both() passes the caller's abort on to both branches", async () => {
  const abort = new AbortController();
  const untilAborted = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  const work = both(abort.signal, untilAborted, untilAborted);
  abort.abort(new Error("gone"));
  await assert.rejects(work, { message: "gone" });
});
