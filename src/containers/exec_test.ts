import assert from "node:assert/strict";
import {
  ID,
  type RunningContainer,
  runningContainer,
  settle,
} from "../../tests/fakes/running_container.ts";
import { eventually } from "../../tests/world/delay.ts";
import { CriError } from "../base/errors.ts";
import { ExecRequest } from "../gen/cri/v1/api.ts";
import { exec } from "./exec.ts";

const STDIO = { stdin: "/io/stdin", stdout: "/io/stdout", stderr: "/io/stderr" };

/** Asks for an exec, and gives the session that its client is to come to. */
async function ask({ deps, streams }: RunningContainer, more: Partial<ExecRequest> = {}) {
  const request = ExecRequest.fromPartial({
    containerId: ID,
    cmd: ["true"],
    stdout: true,
    ...more,
  });
  const { url } = await exec(deps, request, new AbortController().signal);
  const session = streams.sessions.at(-1);
  assert(session !== undefined);
  assert.equal(url, `http://127.0.0.1/${session.options.sessionId}`);
  return session;
}

Deno.test("exec() starts nothing before its client is there", async () => {
  const container = await runningContainer();
  const session = await ask(container);
  session.leave();
  await settle();
  assert(!container.world.calls.includes("tasks.exec"));
});

Deno.test("exec() runs the program on the session's streams and tells how it ended", async () => {
  const container = await runningContainer();
  const session = await ask(container);
  session.tell({ kind: "connected", stdio: STDIO });
  await settle();
  assert.deepEqual(container.streams.told, ["started", "exited: 3"]);
  assert.deepEqual(container.execs(), []);
  session.leave();
  await settle();
});

Deno.test("exec() kills the program when its client leaves", async () => {
  const container = await runningContainer();
  container.ends.itself = false;
  const session = await ask(container);
  session.tell({ kind: "connected", stdio: STDIO });
  await settle();
  assert.equal(container.execs().length, 1);
  session.leave();
  await settle();
  assert.deepEqual(container.execs(), []);
  assert(container.world.calls.includes("tasks.kill"));
});

Deno.test("exec() kills the program when the streams are lost, and removes their folder", async () => {
  const container = await runningContainer();
  const stateDir = await Deno.makeTempDir({ prefix: "exec-" });
  container.deps.settings.stateDir = stateDir;
  container.ends.itself = false;
  const session = await ask(container);
  session.tell({ kind: "connected", stdio: STDIO });
  await settle();
  const io = `${stateDir}/io/${ID}`;
  await Deno.mkdir(`${io}/exec-${session.options.sessionId}`, { recursive: true });
  session.fail(new CriError("unavailable", "the compartment went down"));
  const left = async () => (await Array.fromAsync(Deno.readDir(io))).length;
  await eventually("its folder to be removed", async () => await left() === 0);
  assert.deepEqual(container.execs(), []);
  await Deno.remove(stateDir, { recursive: true });
});

for (const call of ["containers.get", "tasks.exec", "tasks.startExec", "tasks.wait"]) {
  Deno.test(`exec() tells its client when ${call} fails, and leaves nothing`, async () => {
    const container = await runningContainer();
    container.world.before = (method) => {
      if (method === call) throw new CriError("unavailable", "it failed");
    };
    const session = await ask(container);
    session.tell({ kind: "connected", stdio: STDIO });
    await settle();
    assert.equal(container.streams.told.at(-1), "failed: it failed");
    container.world.before = undefined;
    session.leave();
    await settle();
    assert.deepEqual(container.execs(), []);
  });
}

/** The processes that are made from now on. */
function processesOf({ deps: { containerd } }: RunningContainer): { consoleSize?: unknown }[] {
  const specs: { consoleSize?: unknown }[] = [];
  const { exec } = containerd.tasks;
  containerd.tasks.exec = (request, ...rest) => {
    specs.push(JSON.parse(new TextDecoder().decode(request.spec.value)));
    return exec(request, ...rest);
  };
  return specs;
}

Deno.test("exec() gives a terminal the last of the sizes that came before it was there", async () => {
  const container = await runningContainer();
  container.ends.itself = false;
  const specs = processesOf(container);
  const session = await ask(container, { tty: true });
  session.tell({ kind: "resize", width: 1, height: 1 });
  session.tell({ kind: "resize", width: 80, height: 24 });
  session.tell({ kind: "connected", stdio: STDIO });
  await settle();
  const resizes = container.world.calls.filter((call) => call === "tasks.resize");
  assert.equal(resizes.length, 1);
  assert.deepEqual(specs.map(({ consoleSize }) => consoleSize), [{ width: 80, height: 24 }]);
  session.tell({ kind: "stdinEnded" });
  await settle();
  assert(container.world.calls.includes("tasks.closeStdin"));
  session.leave();
  await settle();
});

Deno.test("exec() gives a terminal the size that comes right after its client", async () => {
  const container = await runningContainer();
  const specs = processesOf(container);
  const session = await ask(container, { tty: true });
  session.tell({ kind: "connected", stdio: STDIO });
  await settle();
  assert.deepEqual(specs, []);
  session.tell({ kind: "resize", width: 91, height: 33 });
  await settle();
  assert.deepEqual(specs.map(({ consoleSize }) => consoleSize), [{ width: 91, height: 33 }]);
  session.leave();
  await settle();
});

Deno.test("exec() starts a program on a terminal whose client sends no size", async () => {
  const container = await runningContainer();
  const { promise: exited, resolve } = Promise.withResolvers<void>();
  const specs = processesOf(container);
  container.streams.execExited = () => Promise.resolve(resolve());
  const session = await ask(container, { tty: true });
  session.tell({ kind: "connected", stdio: STDIO });
  await exited;
  assert.deepEqual(specs.map(({ consoleSize }) => consoleSize), [undefined]);
  session.leave();
  await settle();
});

Deno.test("exec() starts nothing when its client leaves before it has sent a size", async () => {
  const container = await runningContainer();
  const session = await ask(container, { tty: true });
  session.tell({ kind: "connected", stdio: STDIO });
  await settle();
  session.leave();
  await settle();
  assert(!container.world.calls.includes("tasks.startExec"));
});

Deno.test("exec() drops what is no event and goes on", async () => {
  const container = await runningContainer();
  const session = await ask(container);
  session.call.onProgress({ kind: "resize", width: "wide" });
  session.call.onProgress(undefined);
  session.tell({ kind: "connected", stdio: STDIO });
  session.tell({ kind: "connected", stdio: STDIO });
  await settle();
  assert.deepEqual(container.streams.told, ["started", "exited: 3"]);
  session.leave();
  await settle();
});

Deno.test("exec() ends its sessions when the daemon stops", async () => {
  const container = await runningContainer();
  const session = await ask(container);
  assert(!session.call.signal.aborted);
  container.stop.abort();
  assert(session.call.signal.aborted);
  session.leave();
  await settle();
});

Deno.test("exec() refuses a container that doesn't run", async () => {
  const container = await runningContainer({ kind: "created" });
  await assert.rejects(ask(container), { kind: "failedPrecondition" });
  assert.deepEqual(container.streams.sessions, []);
});
