/** Attach on a daemon with a real containerd, with clients of our own. */
import assert from "node:assert/strict";
import { whereCrictlIs } from "../world/crictl.ts";
import { eventually } from "../world/delay.ts";
import { type RunningContainer, startRunningContainer } from "../world/running_container.ts";
import { SpdyClient } from "../world/spdy_client.ts";
import { ChannelClient } from "../world/websocket_client.ts";

/** Writes a line for each that it reads, its number before it, until it reads "end". */
const ECHO = "n=0; while read line; do n=$((n+1)); echo $n $line; [ $line = end ] && exit; done";

interface Options {
  id: string;
  stdin?: boolean;
  tty?: boolean;
}

async function urlOf({ cri }: RunningContainer, { id, stdin = false, tty = false }: Options) {
  const streams = { stdin, stdout: true, stderr: !tty, tty };
  return (await cri.call("attach", { containerId: id, ...streams })).url;
}

async function spdyAttach(container: RunningContainer, options: Options) {
  const client = await SpdyClient.connect(await urlOf(container, options), ["v4.channel.k8s.io"]);
  const open = (streamType: string) => client.open({ streamType });
  return {
    client,
    error: await open("error"),
    stdin: options.stdin ? await open("stdin") : undefined,
    stdout: await open("stdout"),
    stderr: options.tty ? undefined : await open("stderr"),
    resize: options.tty ? await open("resize") : undefined,
  };
}

const websocketAttach = async (container: RunningContainer, options: Options) =>
  await ChannelClient.connect(await urlOf(container, options), ["v5.channel.k8s.io"]);

const sh = (script: string): string[] => ["sh", "-c", script];

const CASES: readonly { name: string; check(container: RunningContainer): Promise<void> }[] = [
  {
    name: "several clients get the same output, and the log too",
    check: async (container) => {
      const id = await container.add("many", { command: sh(ECHO), stdin: true });
      const writer = await websocketAttach(container, { id, stdin: true });
      const watcher = await websocketAttach(container, { id });
      const other = await spdyAttach(container, { id });
      writer.send(0, "a\nb\nend\n");
      await Promise.all([writer.closed, watcher.closed, other.stdout.ended]);
      const expected = "1 a\n2 b\n3 end\n";
      assert.equal(writer.text(1), expected);
      assert.equal(watcher.text(1), expected);
      assert.equal(await other.stdout.text(), expected);
      assert.equal(JSON.parse(await other.error.text()).status, "Success");
      assert.equal(await container.crictl("logs", id), expected);
    },
  },
  {
    name: "a client loses nothing from the moment it is attached, 64 MiB of it",
    check: async (container) => {
      const script = "read go; busybox yes 0123456789abcdef | busybox head -c 67108864";
      const id = await container.add("flood", { command: sh(script), stdin: true, log_path: "" });
      const { stdin, stdout } = await spdyAttach(container, { id, stdin: true });
      let size = 0;
      let isWhole = true;
      stdout.onChunk = (chunk) => {
        for (let at = 0; at < chunk.length; at += 997) {
          isWhole &&= chunk[at] === "0123456789abcdef\n".charCodeAt((size + at) % 17);
        }
        size += chunk.length;
      };
      await stdin?.send("go\n");
      assert.equal(await stdout.ended, "end");
      assert.equal(size, 64 * 1024 * 1024);
      assert(isWhole, "the bytes are not those that were written");
    },
  },
  {
    name: "the container goes on when its client goes, and takes another",
    check: async (container) => {
      const id = await container.add("stays", { command: sh(ECHO), stdin: true });
      for (const [at, word] of ["one", "two"].entries()) {
        const client = await websocketAttach(container, { id, stdin: true });
        client.send(0, `${word}\n`);
        await eventually("the echo", () => client.text(1) === `${at + 1} ${word}\n`);
        client.close();
        await client.closed;
      }
      const { state } = (await container.crictl.json("inspect", id)).status;
      assert.equal(state, "CONTAINER_RUNNING");
    },
  },
  {
    name: "the end of the first client's input is the end of it, with stdin_once",
    check: async (container) => {
      const command = sh("cat; echo over");
      const id = await container.add("once", { command, stdin: true, stdin_once: true });
      const { stdin, stdout } = await spdyAttach(container, { id, stdin: true });
      await stdin?.send("hello\n");
      await stdin?.end();
      assert.equal(await stdout.text(), "hello\nover\n");
    },
  },
  {
    name: "a terminal is resized",
    check: async (container) => {
      const command = sh("read line; busybox stty size");
      const id = await container.add("tty", { command, stdin: true, tty: true });
      const { stdin, stdout, resize } = await spdyAttach(container, { id, stdin: true, tty: true });
      await resize?.send('{"Width":91,"Height":33}');
      const task = (await container.crictl.json("inspect", id)).info.pid;
      await eventually("the size", async () => (await sizeOf(task)) === "33 91");
      await stdin?.send("go\n");
      assert.match(await stdout.text(), /33 91/);
    },
  },
  {
    name: "a client that takes nothing is let go, and the log goes on",
    check: async (container) => {
      const script = "read go; busybox yes 0123456789abcdef | busybox head -c 33554432; echo last";
      const id = await container.add("slow", { command: sh(script), stdin: true });
      const url = await urlOf(container, { id, stdin: true });
      const idle = await SpdyClient.connect(await urlOf(container, { id }), ["v4.channel.k8s.io"]);
      await idle.open({ streamType: "error" });
      await idle.open({ streamType: "stdout" });
      const stderr = await idle.open({ streamType: "stderr" });
      idle.pause();
      const writer = await ChannelClient.connect(url, ["v4.channel.k8s.io"]);
      writer.send(0, "go\n");
      await writer.closed;
      idle.resume();
      assert.equal(await stderr.ended, "lost");
      const log = await Deno.readTextFile(`${container.daemon.logDir}/busy/slow.log`);
      assert.match(log.slice(-100), /last\n$/);
    },
  },
];

/** Rows and columns of a process's terminal. */
async function sizeOf(pid: number): Promise<string> {
  const args = ["-t", String(pid), "-m", "-p", "busybox", "stty", "size", "-F", "/dev/console"];
  const { stdout } = await new Deno.Command("nsenter", { args, stderr: "null" }).output();
  return new TextDecoder().decode(stdout).trim();
}

Deno.test(whereCrictlIs("attach over SPDY and WebSocket on a real containerd"), async (t) => {
  await using container = await startRunningContainer();
  for (const { name, check } of CASES) await t.step(name, () => check(container));
  await container.finish();
});
