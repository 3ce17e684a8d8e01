/** The suite's tests of tasks: processes that start, get signals and end. */
import assert from "node:assert/strict";
import type { ContainerdEvent } from "../../src/containerd/client.ts";
import { eventually } from "../world/delay.ts";
import { type ContainerdSubject, rejects, type SuiteTest } from "./containerd_suite.ts";

const NO_IO = { stdin: "", stdout: "", stderr: "", terminal: false };

async function startTask(s: ContainerdSubject, id: string): Promise<void> {
  await s.containerd.tasks.create(await s.container(id, "sleeps"));
  await s.containerd.tasks.start(id);
}

async function removeTask(s: ContainerdSubject, id: string): Promise<void> {
  const { tasks, containers } = s.containerd;
  const exit = tasks.wait(id);
  await tasks.kill(id, 9, { all: true });
  await exit;
  await tasks.delete(id);
  await containers.delete(id);
}

export const PROCESSES: Record<string, SuiteTest> = {
  "tasks go from created to running to stopped to gone": async (s) => {
    const { tasks, containers } = s.containerd;
    const request = await s.container("task-1", "sleeps");
    const pid = await tasks.create(request);
    await rejects(tasks.create(request), "alreadyExists");
    const { id, execId, status, exitedAtNs } = await tasks.get("task-1");
    assert.deepEqual([id, execId, status, exitedAtNs], ["task-1", "", "created", 0n]);
    assert.equal(await tasks.start("task-1"), pid);
    assert.equal((await tasks.get("task-1")).status, "running");
    assert.deepEqual(await tasks.pids("task-1"), [pid]);
    await rejects(tasks.delete("task-1"), "failedPrecondition");
    const waiting = tasks.wait("task-1");
    await tasks.kill("task-1", 9);
    assert.equal((await waiting).exitCode, 137);
    const stopped = await tasks.get("task-1");
    assert.deepEqual([stopped.status, stopped.exitCode], ["stopped", 137]);
    assert.ok(stopped.exitedAtNs > 1_600_000_000_000_000_000n);
    assert.equal((await tasks.wait("task-1")).exitedAtNs, stopped.exitedAtNs);
    await rejects(tasks.kill("task-1", 9), "notFound");
    const exit = await tasks.delete("task-1");
    assert.deepEqual(exit, { pid, exitCode: 137, exitedAtNs: stopped.exitedAtNs });
    await containers.delete("task-1");
  },
  "tasks of no container are notFound": async ({ containerd: { tasks } }) => {
    const nothing = { id: "task-none", rootfs: [], ...NO_IO };
    await rejects(tasks.create(nothing), "notFound");
    await rejects(tasks.start("task-none"), "notFound");
    await rejects(tasks.get("task-none"), "notFound");
    await rejects(tasks.kill("task-none", 9), "notFound");
    await rejects(tasks.wait("task-none"), "notFound");
    await rejects(tasks.delete("task-none"), "notFound");
  },
  "tasks that are only created can be deleted after a kill": async (s) => {
    const { tasks, containers } = s.containerd;
    await tasks.create(await s.container("task-2", "sleeps"));
    await tasks.kill("task-2", 9);
    await tasks.wait("task-2");
    await tasks.delete("task-2");
    await rejects(tasks.get("task-2"), "notFound");
    await containers.delete("task-2");
  },
  "tasks that exit by themselves tell their code in an event": async (s) => {
    const { tasks, containers, events } = s.containerd;
    const abort = new AbortController();
    const seen: ContainerdEvent[] = [];
    const following = (async () => {
      for await (const e of events.subscribe(['topic~="^/tasks/"'], abort.signal)) seen.push(e);
    })();
    following.catch(() => {});
    const request = await s.container("task-3", "exits with 3");
    await eventually("a first event", async () => {
      await tasks.create(request);
      if (seen.length > 0) return true;
      await tasks.kill("task-3", 9);
      await tasks.wait("task-3");
      await tasks.delete("task-3");
      return seen.length > 0 && await tasks.create(request) > 0;
    });
    const waiting = tasks.wait("task-3");
    const pid = await tasks.start("task-3");
    const { exitCode, exitedAtNs } = await waiting;
    assert.equal(exitCode, 3);
    await eventually("the exit", () => seen.some((e) => e.kind === "taskExit" && e.pid === pid));
    await tasks.delete("task-3");
    await eventually(
      "the deletion",
      () => seen.some((e) => e.kind === "taskDelete" && e.pid === pid),
    );
    abort.abort();
    await rejects(following, "cancelled");
    const exit = seen.find((e) => e.kind === "taskExit" && e.pid === pid);
    assert.ok(exit?.kind === "taskExit");
    assert.deepEqual([exit.containerId, exit.execId, exit.exitCode], ["task-3", "", 3]);
    assert.equal(exit.exitedAtNs, exitedAtNs);
    assert.ok(seen.some((e) => e.kind === "taskStart" && e.pid === pid));
    await containers.delete("task-3");
  },
  "tasks.wait() ends with its signal and leaves the task alone": async (s) => {
    await startTask(s, "task-4");
    const abort = new AbortController();
    const waiting = s.containerd.tasks.wait("task-4", { signal: abort.signal });
    abort.abort();
    await rejects(waiting, "cancelled");
    assert.equal((await s.containerd.tasks.get("task-4")).status, "running");
    await removeTask(s, "task-4");
  },
  "tasks.list() tells all of them": async (s) => {
    await startTask(s, "task-5");
    const listed = await s.containerd.tasks.list();
    assert.deepEqual(listed.filter((t) => t.id === "task-5").map((t) => t.status), ["running"]);
    await removeTask(s, "task-5");
  },
  "execs run in a task and tell their code": async (s) => {
    const { tasks } = s.containerd;
    await startTask(s, "task-6");
    const spec = s.execThatExits("task-6", "exec-1");
    const exec = { id: "task-6", execId: "exec-1", spec, ...NO_IO };
    await tasks.exec(exec);
    await rejects(tasks.exec(exec), "alreadyExists");
    const waiting = tasks.wait("task-6", { execId: "exec-1" });
    assert.ok(await tasks.startExec("task-6", "exec-1") > 0);
    assert.equal((await waiting).exitCode, 5);
    const { id, execId, status } = await tasks.get("task-6", { execId: "exec-1" });
    assert.deepEqual([id, execId, status], ["task-6", "exec-1", "stopped"]);
    assert.equal((await tasks.deleteExec("task-6", "exec-1")).exitCode, 5);
    await rejects(tasks.get("task-6", { execId: "exec-1" }), "notFound");
    assert.equal((await tasks.get("task-6")).status, "running");
    await removeTask(s, "task-6");
  },
};
