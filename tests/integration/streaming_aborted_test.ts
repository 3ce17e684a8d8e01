/** Clients that vanish at any moment leave nothing in the daemon, in containerd or in the container. */
import assert from "node:assert/strict";
import { CRICTL, whereCrictlIs } from "../world/crictl.ts";
import { eventually } from "../world/delay.ts";
import { ForwardClient, type Forwarded } from "../world/forward_client.ts";
import { type RunningContainer, startRunningContainer } from "../world/running_container.ts";
import { request, SpdyClient } from "../world/spdy_client.ts";
import { ChannelClient } from "../world/websocket_client.ts";

const SESSIONS = 1_000;
const AT_ONCE = 8;

/** What is there when nothing is under way; the channel to containerd may come and go. */
const SLACK_FDS = 4;

const EXEC = { cmd: ["sh", "-c", "echo x; cat"], stdin: true, stdout: true, stderr: true };
const PROTOCOLS = ["v4.channel.k8s.io"];

type Abort = (container: RunningContainer) => Promise<void>;

const execUrl = async ({ cri, id }: RunningContainer) =>
  (await cri.call("exec", { containerId: id, ...EXEC })).url;
const attachUrl = async ({ cri, id }: RunningContainer) =>
  (await cri.call("attach", { containerId: id, stdin: true, stdout: true, stderr: true })).url;
const forwardUrl = async ({ cri, pod }: RunningContainer) =>
  (await cri.call("portForward", { podSandboxId: pod })).url;

async function spdyStreams(url: string) {
  const client = await SpdyClient.connect(url, PROTOCOLS);
  await client.open({ streamType: "error" });
  const stdin = await client.open({ streamType: "stdin" });
  const stdout = await client.open({ streamType: "stdout" });
  await client.open({ streamType: "stderr" });
  return { client, stdin, stdout };
}

/** Moments at which clients vanish. */
const ABORTS: readonly Abort[] = [
  async function beforeItsStreams(container) {
    (await SpdyClient.connect(await execUrl(container), PROTOCOLS)).close();
  },
  async function withItsStreams(container) {
    (await spdyStreams(await execUrl(container))).client.close();
  },
  async function withOutput(container) {
    const { client, stdout } = await spdyStreams(await execUrl(container));
    const { promise, resolve } = Promise.withResolvers<void>();
    stdout.onChunk = () => resolve();
    await promise;
    client.close();
  },
  async function inTheMiddleOfInput(container) {
    const { client, stdin } = await spdyStreams(await execUrl(container));
    await stdin.send(new Uint8Array(100_000));
    client.close();
  },
  async function inAWebSocket(container) {
    const client = await ChannelClient.connect(await execUrl(container), ["v5.channel.k8s.io"]);
    client.send(0, "some input");
    client.close();
    await client.closed;
  },
  async function withoutAnUpgrade(container) {
    const { socket } = await request(await execUrl(container), ["Connection: close"]);
    socket.close();
  },
  async function attached(container) {
    (await spdyStreams(await attachUrl(container))).client.close();
  },
  async function withAForwardedConnection(container) {
    const client = await ForwardClient.connect(await forwardUrl(container));
    const opened: Promise<Forwarded> = client.open(9);
    client.close();
    await opened.catch(() => undefined);
  },
];

/** Files that the daemon has open: FIFOs, sockets, everything. */
async function openFiles(pid: number): Promise<number> {
  return (await Array.fromAsync(Deno.readDir(`/proc/${pid}/fd`))).length;
}

async function daemonPid(container: RunningContainer): Promise<number> {
  const { cri, daemon } = container;
  await cri.call("version", {});
  return daemon.pid;
}

Deno.test(whereCrictlIs(`${SESSIONS} aborted sessions leave nothing`), async () => {
  await using container = await startRunningContainer({ stdin: true });
  const pid = await daemonPid(container);
  // What is made once and kept is made now.
  for (const abort of ABORTS) await abort(container);
  const isQuiet = async () => (await container.traces()).length === 0;
  await eventually("the first sessions to end", isQuiet, 20_000);
  const before = await openFiles(pid);
  let next = 0;
  const work = async () => {
    while (next < SESSIONS) await ABORTS[next++ % ABORTS.length]?.(container);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  await eventually("all sessions to end", isQuiet, 30_000);
  await eventually(
    "their files to be closed",
    async () => (await openFiles(pid)) <= before + SLACK_FDS,
    20_000,
  );
  const { stdout } = await container.cri.call("execSync", {
    containerId: container.id,
    cmd: ["echo", "well"],
  });
  assert.equal(new TextDecoder().decode(stdout), "well\n");
  await container.finish();
});

Deno.test(
  whereCrictlIs("execs of a daemon that was killed are ended by the next one"),
  async () => {
    await using container = await startRunningContainer();
    const { cri, id, daemon } = container;
    const cmd = ["sleep", "600"];
    const synchronous = cri.call("execSync", { containerId: id, cmd });
    synchronous.catch(() => undefined);
    const url = (await cri.call("exec", { containerId: id, cmd, stdout: true })).url;
    const client = await ChannelClient.connect(url, ["v4.channel.k8s.io"]);
    await eventually("both processes", async () => (await container.traces()).length === 4);
    await daemon.stop("SIGKILL");
    await assert.rejects(synchronous);
    await client.closed;
    await daemon.start();
    await eventually(
      "them to be gone",
      async () => (await container.traces()).length === 0,
      20_000,
    );
    await container.finish();
  },
);

/** crictl's exec, which sends zeros for as long as they are taken. */
function sendZeros({ daemon, id }: RunningContainer, transport: string): Deno.ChildProcess {
  const endpoint = `unix://${daemon.listen}`;
  const args = ["-r", endpoint, "-i", endpoint, "exec", "-i", "--transport", transport, id];
  const command = [CRICTL, "--config", "/dev/null", ...args, "sleep", "600"];
  return new Deno.Command("sh", {
    args: ["-c", 'exec "$@" </dev/zero', "sh", ...command],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

for (const transport of ["spdy", "websocket"]) {
  const name = `a client over ${transport} that goes while a process reads nothing is missed`;
  Deno.test(whereCrictlIs(name), async () => {
    await using container = await startRunningContainer();
    const client = sendZeros(container, transport);
    await eventually("the process", async () => (await container.traces()).length === 2);
    client.kill("SIGKILL");
    await client.status;
    const isGone = async () => (await container.traces()).length === 0;
    await eventually("it to be gone", isGone, 40_000);
    await container.finish();
  });
}
