/** The fake containerd, held to the same suite as the real one, and its own hooks. */
import assert from "node:assert/strict";
import { CriError } from "../../src/base/errors.ts";
import { jsonAny, PROCESS_TYPE_URL } from "../../src/containerd/types.ts";
import { BLOBS } from "../suites/containerd_blobs.ts";
import { PROCESSES } from "../suites/containerd_processes.ts";
import { RECORDS } from "../suites/containerd_records.ts";
import { containerdSuite, record, rejects } from "../suites/containerd_suite.ts";
import { fakeContainerd } from "./containerd.ts";

const { containerd, world } = fakeContainerd();

containerdSuite(
  {
    name: "fake containerd",
    subject: () => ({
      containerd,
      container: async (id, behaviour) => {
        if (behaviour === "exits with 3") world.programs.set(id, { exitsWith: 3 });
        await containerd.containers.create(record(id));
        return { id, rootfs: [], stdin: "", stdout: "", stderr: "", terminal: false };
      },
      execThatExits: (id, execId) => {
        world.programs.set(`${id}/${execId}`, { exitsWith: 5 });
        return jsonAny(PROCESS_TYPE_URL, {});
      },
    }),
  },
  RECORDS,
  BLOBS,
  PROCESSES,
);

Deno.test("fakeContainerd() fails before the work where a failpoint says so", async () => {
  const fake = fakeContainerd();
  fake.world.before = (method) => {
    if (method === "containers.create") throw new CriError("internal", "no");
  };
  await rejects(fake.containerd.containers.create(record("a")), "internal");
  assert.deepEqual(fake.world.leftovers(), []);
});

Deno.test("fakeContainerd() fails after the work where a failpoint says so", async () => {
  const fake = fakeContainerd();
  fake.world.after = (method) => {
    if (method === "containers.create") throw new CriError("deadlineExceeded", "late");
  };
  await rejects(fake.containerd.containers.create(record("a")), "deadlineExceeded");
  assert.deepEqual(fake.world.leftovers(), ["container a"]);
});

Deno.test("fakeContainerd() ends waits and streams when it is disconnected", async () => {
  const fake = fakeContainerd();
  const { tasks, containers, events } = fake.containerd;
  await containers.create(record("a"));
  await tasks.create({ id: "a", rootfs: [], stdin: "", stdout: "", stderr: "", terminal: false });
  await tasks.start("a");
  const waiting = tasks.wait("a");
  const following = events.subscribe([], new AbortController().signal)[Symbol.asyncIterator]();
  const next = following.next();
  await Promise.resolve();
  fake.world.disconnect();
  await rejects(waiting, "unavailable");
  await rejects(next, "unavailable");
  await rejects(tasks.get("a"), "unavailable");
  fake.world.reconnect();
  assert.equal((await tasks.get("a")).status, "running");
});
