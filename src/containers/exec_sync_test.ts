import assert from "node:assert/strict";
import {
  ID,
  type RunningContainer,
  runningContainer as setUp,
  settle,
} from "../../tests/fakes/running_container.ts";
import { eventually } from "../../tests/world/delay.ts";
import { CriError } from "../base/errors.ts";
import { type ExecSyncRequest, ExecSyncResponse } from "../gen/cri/v1/api.ts";
import { joinEntries } from "../state/encoded.ts";
import type { ContainerState } from "../state/status.ts";
import { execSync } from "./exec_sync.ts";

function run(
  { deps }: Pick<RunningContainer, "deps">,
  { signal = new AbortController().signal, ...request }:
    & Partial<ExecSyncRequest>
    & { signal?: AbortSignal } = {},
) {
  return execSync(deps, { containerId: ID, cmd: ["true"], timeout: 0n, ...request }, signal);
}

Deno.test("execSync() answers with output and exit code, and leaves nothing", async () => {
  const setup = await setUp();
  setup.streams.output = { stdout: "out", stderr: "err" };
  const { parts } = await run(setup);
  const answer = ExecSyncResponse.decode(joinEntries(parts));
  const decoder = new TextDecoder();
  assert.equal(decoder.decode(answer.stdout), "out");
  assert.equal(decoder.decode(answer.stderr), "err");
  assert.equal(answer.exitCode, 3);
  await settle();
  assert.deepEqual([setup.execs(), [...setup.streams.open]], [[], []]);
});

Deno.test("execSync() runs the container's own process with other arguments", async () => {
  const setup = await setUp();
  const specs: string[] = [];
  const { exec } = setup.deps.containerd.tasks;
  const tasks = {
    ...setup.deps.containerd.tasks,
    exec: (...args: Parameters<typeof exec>) => {
      specs.push(new TextDecoder().decode(args[0].spec.value));
      return exec(...args);
    },
  };
  const containerd = { ...setup.deps.containerd, tasks };
  await run({ ...setup, deps: { ...setup.deps, containerd } }, { cmd: ["ls", "-l"] });
  // A 64-bit number comes through to its last digit.
  assert.match(specs[0] ?? "", /"rlimits":\[\{"soft":18446744073709551615\}\]/);
  const { rlimits: _, ...process } = JSON.parse(specs[0] ?? "");
  assert.deepEqual(process, {
    args: ["ls", "-l"],
    env: ["A=b"],
    user: { uid: 7 },
    terminal: false,
  });
});

Deno.test("execSync() reads what a container's process is once, and again after an update", async () => {
  const setup = await setUp();
  const reads = () => setup.world.calls.filter((call) => call === "containers.get").length;
  await run(setup);
  const first = reads();
  await run(setup);
  assert.deepEqual([first, reads()], [1, 1]);
  const { metadata } = setup.deps.containers.get(ID);
  setup.deps.containers.update(ID, { metadata: { ...metadata } });
  await run(setup);
  assert.equal(reads(), 2);
});

Deno.test("execSync() waits for a process from before its start, and no longer when that fails", async () => {
  const setup = await setUp();
  await run(setup);
  const { calls } = setup.world;
  assert(calls.indexOf("tasks.wait") < calls.indexOf("tasks.startExec"));
  let signal: AbortSignal | undefined;
  const { wait } = setup.deps.containerd.tasks;
  const tasks = {
    ...setup.deps.containerd.tasks,
    startExec: () => Promise.reject(new CriError("internal", "no such program")),
    wait: (...args: Parameters<typeof wait>) => {
      signal ??= args[1]?.signal;
      return wait(...args);
    },
  };
  const containerd = { ...setup.deps.containerd, tasks };
  const deps = { ...setup.deps, containerd };
  await assert.rejects(run({ ...setup, deps }), { kind: "failedPrecondition" });
  assert.equal(signal?.aborted, true);
});

const CALLS = [
  "containers.get",
  "tasks.exec",
  "tasks.startExec",
  "tasks.wait",
  "openCapture",
  "captured",
] as const;

for (const call of CALLS) {
  for (const when of ["before", "after"] as const) {
    Deno.test(`execSync() leaves nothing when ${call} fails ${when} its work`, async () => {
      const setup = await setUp();
      const fail = (name: string) => {
        if (name === call) throw new CriError("unavailable", "it failed");
      };
      const { world, streams } = setup;
      const regular = world.after;
      if (when === "before") world.before = fail;
      else {
        world.after = async (method, args) => {
          await regular?.(method, args);
          fail(method);
        };
      }
      streams[when] = fail;
      await assert.rejects(run(setup), { kind: "unavailable" });
      await settle();
      assert.deepEqual([setup.execs(), [...streams.open]], [[], []]);
    });
  }
}

for (const call of ["tasks.startExec", "tasks.wait"]) {
  Deno.test(`execSync() kills a process that runs though ${call} failed`, async () => {
    const setup = await setUp();
    let failures = 0;
    setup.world.after = (method) => {
      if (method === call && failures++ === 0) throw new CriError("unavailable", "it failed");
    };
    // The first wait fails though its work isn't done.
    setup.world.before = (method) => {
      if (method === call && call === "tasks.wait") setup.world.after?.(method, []);
    };
    await assert.rejects(run(setup), { kind: "unavailable" });
    await settle();
    assert.deepEqual([setup.execs(), [...setup.streams.open]], [[], []]);
    assert(setup.world.calls.includes("tasks.kill"));
  });
}

Deno.test("execSync() kills a process when its time is over", async () => {
  const setup = await setUp();
  setup.ends.itself = false;
  await assert.rejects(run(setup, { timeout: 1n }), { kind: "deadlineExceeded" });
  await settle();
  assert.deepEqual([setup.execs(), [...setup.streams.open]], [[], []]);
  assert(setup.world.calls.includes("tasks.kill"));
});

Deno.test("execSync() kills a process when its caller goes away", async () => {
  const setup = await setUp();
  setup.ends.itself = false;
  const abort = new AbortController();
  const running = run(setup, { signal: abort.signal });
  await settle();
  abort.abort(new DOMException("gone", "AbortError"));
  await assert.rejects(running, { kind: "cancelled" });
  await settle();
  assert.deepEqual([setup.execs(), [...setup.streams.open]], [[], []]);
});

Deno.test("execSync() gives a process up whose output is lost, with the streams' folder", async () => {
  const setup = await setUp();
  setup.ends.itself = false;
  const stateDir = await Deno.makeTempDir({ prefix: "exec-sync-" });
  const deps = { ...setup.deps, settings: { stateDir } };
  const running = run({ ...setup, deps });
  await settle();
  const [execId = ""] = setup.execs();
  await Deno.mkdir(`${stateDir}/io/${ID}/exec-${execId}`, { recursive: true });
  await Deno.mkdir(`${stateDir}/io/${ID}/exec-other`);
  setup.lost.abort(new CriError("unavailable", "Compartment io was restarted"));
  await assert.rejects(running, { kind: "unavailable" });
  await settle();
  assert.deepEqual(setup.execs(), []);
  const left = async () => (await Array.fromAsync(Deno.readDir(`${stateDir}/io/${ID}`))).length;
  await eventually("its folder to be removed", async () => await left() === 1);
  await Deno.remove(stateDir, { recursive: true });
});

const NOT_RUNNING: readonly ContainerState[] = [
  { kind: "created" },
  { kind: "unknown", startedAtNs: 1n },
  { kind: "exited", startedAtNs: 1n, finishedAtNs: 2n, exitCode: 0, reason: "", message: "" },
];

for (const state of NOT_RUNNING) {
  Deno.test(`execSync() refuses a container that is ${state.kind}`, async () => {
    const setup = await setUp(state);
    await assert.rejects(run(setup), { kind: "failedPrecondition" });
    assert.deepEqual(setup.world.calls.filter((call) => call === "tasks.exec"), []);
  });
}

Deno.test("execSync() says failedPrecondition, never notFound, when the task is gone", async () => {
  const setup = await setUp();
  setup.world.tasks.delete(ID);
  await assert.rejects(run(setup), { kind: "failedPrecondition" });
});
