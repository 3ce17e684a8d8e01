/** Exec, attach and port-forward as kubectl speaks them: client-go over both its transports. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { eventually } from "../world/delay.ts";
import { buildGoClient, goClient, whereGoIs } from "../world/go_client.ts";
import { type RunningContainer, startRunningContainer } from "../world/running_container.ts";

const MIB = 1024 * 1024;
const ECHO_PORT = 7;
const decoder = new TextDecoder();

interface Result {
  code: number;
  stdout: Uint8Array;
  stderr: string;
}

/** Runs the client with some input. */
async function run(args: string[], input = new Uint8Array(0)): Promise<Result> {
  const client = goClient(...args);
  const output = client.output();
  const writer = client.stdin.getWriter();
  // A command that ends without reading its input closes the pipe.
  await writer.write(input).then(() => writer.close()).catch(() => undefined);
  const { code, stdout, stderr } = await output;
  return { code, stdout, stderr: decoder.decode(stderr) };
}

async function execUrl(
  { cri, id }: RunningContainer,
  cmd: string[],
  { stdin = false, tty = false } = {},
): Promise<string> {
  const streams = { stdin, stdout: true, stderr: !tty, tty };
  return (await cri.call("exec", { containerId: id, cmd, ...streams })).url;
}

interface Case {
  name: string;
  check(container: RunningContainer, transport: string): Promise<void>;
}

const CASES: readonly Case[] = [
  {
    name: "both streams and the exit code",
    check: async (container, transport) => {
      const url = await execUrl(container, ["sh", "-c", "echo out; echo err >&2; exit 7"]);
      const { code, stdout, stderr } = await run(["-transport", transport, url]);
      assert.deepEqual([code, decoder.decode(stdout), stderr], [7, "out\n", "err\n"]);
    },
  },
  {
    name: "64 MiB through a process and back",
    check: async (container, transport) => {
      const url = await execUrl(container, ["cat"], { stdin: true });
      const block = crypto.getRandomValues(new Uint8Array(65_536));
      const input = new Uint8Array(64 * MIB);
      for (let at = 0; at < input.length; at += block.length) input.set(block, at);
      const { code, stdout, stderr } = await run(["-transport", transport, "-stdin", url], input);
      assert.equal(code, 0, stderr);
      const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
      assert.equal(sha256(stdout), sha256(input));
    },
  },
  {
    name: "a terminal of its size",
    check: async (container, transport) => {
      const wait =
        "until [ \"$(busybox stty size 2>/dev/null)\" = '33 91' ]; do busybox usleep 50000; done";
      const cmd = ["sh", "-c", `${wait}; busybox stty size`];
      const url = await execUrl(container, cmd, { tty: true });
      const { stdout } = await run(["-transport", transport, "-tty", url]);
      assert.equal(decoder.decode(stdout), "33 91\r\n");
    },
  },
  {
    name: "an error for a program that isn't there",
    check: async (container, transport) => {
      const url = await execUrl(container, ["/no/such/program"]);
      const { code, stderr } = await run(["-transport", transport, url]);
      assert.equal(code, 255);
      assert.match(stderr, /no such file/);
    },
  },
  {
    name: "an attached container's output to its end",
    check: async ({ cri, add }, transport) => {
      const command = ["sh", "-c", "read line; echo got $line"];
      const config = { command, stdin: true, stdin_once: true };
      const id = await add(`attach-${transport}`, config);
      const request = { containerId: id, stdin: true, stdout: true, stderr: true };
      const { url } = await cri.call("attach", request);
      const input = new TextEncoder().encode("it\n");
      const { code, stdout, stderr } = await run(["-transport", transport, "-stdin", url], input);
      assert.deepEqual([code, decoder.decode(stdout)], [0, "got it\n"], stderr);
    },
  },
  {
    name: "a forwarded port, several connections one after the other",
    check: async ({ cri, pod }, transport) => {
      const { url } = await cri.call("portForward", { podSandboxId: pod });
      const client = goClient("-transport", transport, "-port", String(ECHO_PORT), url);
      const reader = client.stdout.getReader();
      const { value } = await reader.read();
      const port = Number(decoder.decode(value));
      for (const text of ["one", "two", "three"]) assert.equal(await echoed(port, text), text);
      await reader.cancel();
      await client.stderr.cancel();
      await client.stdin.close();
      assert.equal((await client.status).code, 0);
    },
  },
];

/** What comes back until the end, after everything was sent. */
async function echoed(port: number, text: string): Promise<string> {
  const socket = await Deno.connect({ port });
  await socket.write(new TextEncoder().encode(text));
  await socket.closeWrite();
  return await new Response(socket.readable).text();
}

Deno.test(
  { ...whereGoIs("client-go gets what it expects over each transport") },
  async (t) => {
    await buildGoClient();
    const server = `busybox nc -ll -p ${ECHO_PORT} -e /bin/cat & sleep 1000`;
    await using container = await startRunningContainer({ command: ["sh", "-c", server] });
    for (const transport of ["spdy", "websocket", "fallback"]) {
      for (const { name, check } of CASES) {
        await t.step(`${transport}: ${name}`, () => check(container, transport));
      }
    }
    await eventually("execs to be gone", async () => {
      return (await container.traces()).every((trace) => !trace.startsWith("exec-"));
    });
    await container.finish();
  },
);
