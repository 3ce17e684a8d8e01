/** The io compartment dies with sessions on it: they end, nothing of them stays, and others work. */
import assert from "node:assert/strict";
import { whereCrictlIs } from "../world/crictl.ts";
import { eventually } from "../world/delay.ts";
import { ForwardClient } from "../world/forward_client.ts";
import { type RunningContainer, startRunningContainer } from "../world/running_container.ts";
import { SpdyClient } from "../world/spdy_client.ts";
import { ChannelClient } from "../world/websocket_client.ts";

const DAEMON = new URL("../fixtures/dying/io_daemon.ts", import.meta.url).pathname;
const UNAVAILABLE = 14;
const ECHO_PORT = 7;

/** A line every fifth of a second, and an echo server. */
const COMMAND = `busybox nc -ll -p ${ECHO_PORT} -e /bin/cat & ` +
  "while read line; do echo got $line; done & " +
  "n=0; while :; do n=$((n+1)); echo tick $n; busybox usleep 200000; done";

/** What the processes that are always there are not counted among. */
async function execsOf(container: RunningContainer): Promise<string[]> {
  return (await container.traces()).filter((trace) => trace.startsWith("exec-"));
}

async function sleepsIn({ cri, id }: RunningContainer): Promise<number> {
  const cmd = ["sh", "-c", "busybox pidof sleep | busybox wc -w"];
  const { stdout } = await cri.call("execSync", { containerId: id, cmd });
  return Number(new TextDecoder().decode(stdout));
}

/** Kills the compartment, and waits until another one is in its place. */
async function kill({ daemon }: RunningContainer): Promise<void> {
  const before = (await daemon.log()).length;
  await Deno.writeTextFile(`${daemon.dir}/state/io/die`, "");
  await eventually(
    "the compartment to be up again",
    async () => (await daemon.log()).slice(before).includes("Compartment io is up again"),
  );
}

/** One session of each kind with something under way, and how each is to end. */
async function beginAll({ cri, id, pod }: RunningContainer): Promise<Promise<void>[]> {
  const streams = { stdin: true, stdout: true, stderr: true };
  const sleep = { containerId: id, cmd: ["sleep", "600"] };
  const sync = assert.rejects(cri.call("execSync", sleep), { code: UNAVAILABLE });
  sync.catch(() => undefined);
  const overSpdy = await SpdyClient.connect(
    (await cri.call("exec", { ...sleep, ...streams })).url,
    ["v4.channel.k8s.io"],
  );
  const error = await overSpdy.open({ streamType: "error" });
  for (const streamType of ["stdin", "stdout", "stderr"]) await overSpdy.open({ streamType });
  const overWebSocket = await ChannelClient.connect(
    (await cri.call("exec", { ...sleep, ...streams })).url,
    ["v5.channel.k8s.io"],
  );
  const attached = await ChannelClient.connect(
    (await cri.call("attach", { containerId: id, stdout: true })).url,
    ["v5.channel.k8s.io"],
  );
  await eventually("output", () => attached.text(1).includes("tick"));
  const { url } = await cri.call("portForward", { podSandboxId: pod });
  const { data } = await (await ForwardClient.connect(url)).open(ECHO_PORT);
  await data.send("x");
  await eventually("the echo", () => data.chunks.length > 0);
  return [
    sync,
    error.ended.then((how) => assert.equal(how, "lost")),
    overWebSocket.closed.then((code) => assert.notEqual(code, 1000)),
    attached.closed.then((code) => assert.notEqual(code, 1000)),
    data.ended.then((how) => assert.equal(how, "lost")),
  ];
}

async function lastTick({ crictl, id }: RunningContainer): Promise<number> {
  const lines = (await crictl("logs", id)).trim().split("\n");
  return Number(lines.at(-1)?.split(" ")[1]);
}

/** What the numbers of a process's open files stand for. */
async function openFiles(pid: number): Promise<string[]> {
  const names = await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`), ({ name }) => name);
  return await Promise.all(
    names.map((name) => Deno.readLink(`/proc/${pid}/fd/${name}`).catch(() => "")),
  );
}

/** Sockets, not numbers of them: Deno has one for all of its threads, each with a number of its own. */
async function sockets(pid: number): Promise<number> {
  return new Set((await openFiles(pid)).filter((file) => file.startsWith("socket:"))).size;
}

/** Files by which threads wait for others; one whose thread has ended is of no use. */
async function pollers(pid: number): Promise<number> {
  const kinds = ["anon_inode:[eventpoll]", "anon_inode:[eventfd]"];
  return (await openFiles(pid)).filter((file) => kinds.includes(file)).length;
}

Deno.test(whereCrictlIs("sessions end with the io compartment, and others follow"), async () => {
  const command = [Deno.execPath(), "run", "-q", "-P", DAEMON];
  await using container = await startRunningContainer(
    { command: ["sh", "-c", COMMAND] },
    { command },
  );
  const { cri, id, daemon } = container;
  await kill(container);
  // After the first round, in which connections are made that stay.
  let socketsBefore: number | undefined;
  let pollersBefore: number | undefined;
  for (let round = 0; round < 3; round++) {
    const ends = await beginAll(container);
    await eventually("the execs", async () => await sleepsIn(container) === 3);
    const ticks = await lastTick(container);
    await kill(container);
    await Promise.all(ends);
    await eventually("the execs to be gone", async () => (await execsOf(container)).length === 0);
    assert.equal(await sleepsIn(container), 0);
    // The container goes on, and so does its log.
    await eventually("the log", async () => await lastTick(container) > ticks + 3);
    socketsBefore ??= await sockets(daemon.pid);
    pollersBefore ??= await pollers(daemon.pid);
  }
  const lines = (await container.crictl("logs", id)).match(/tick \d+/g) ?? [];
  assert.deepEqual(lines, lines.map((_, at) => `tick ${at + 1}`));
  await eventually(
    "its sockets to be closed",
    async () => await sockets(daemon.pid) <= (socketsBefore ?? 0),
  );
  await eventually(
    "its pollers to be closed",
    async () => await pollers(daemon.pid) <= (pollersBefore ?? 0),
  );
  const { stdout } = await cri.call("execSync", { containerId: id, cmd: ["echo", "well"] });
  assert.equal(new TextDecoder().decode(stdout), "well\n");
  await container.finish();
});
