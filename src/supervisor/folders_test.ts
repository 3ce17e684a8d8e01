import assert from "node:assert/strict";
import { lockState } from "./folders.ts";

async function withFolder(work: (state: string) => Promise<void>): Promise<void> {
  const state = await Deno.makeTempDir({ prefix: "cri-lock-" });
  try {
    await work(state);
  } finally {
    await Deno.remove(state, { recursive: true });
  }
}

Deno.test("lockState() refuses a folder that another daemon has", async () => {
  await withFolder(async (state) => {
    using _held = await lockState({ state });
    await assert.rejects(lockState({ state }, 0), {
      kind: "alreadyExists",
      message: `Another daemon is running on ${state}`,
    });
  });
});

Deno.test("lockState() waits for a lock that outlives its daemon by a moment", async () => {
  await withFolder(async (state) => {
    const held = await lockState({ state });
    const next = lockState({ state }, 60_000);
    held[Symbol.dispose]();
    using _lock = await next;
    await assert.rejects(lockState({ state }, 0), /Another daemon/);
  });
});
