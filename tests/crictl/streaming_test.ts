/** crictl's exec, attach and port-forward over each transport that it has. */
import assert from "node:assert/strict";
import { CRICTL } from "../world/crictl.ts";
import { startRunningContainer } from "../world/running_container.ts";

const TRANSPORTS = ["spdy", "websocket"];
const ECHO_PORT = 7;
const ECHO = `busybox nc -ll -p ${ECHO_PORT} -e /bin/cat & sleep 1000`;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

const container = await startRunningContainer({ command: ["sh", "-c", ECHO] });
const { daemon, id, pod, add } = container;

Deno.test.afterAll(async () => {
  await container.finish();
  await container[Symbol.asyncDispose]();
});

function spawn(command: string, transport: string, ...args: string[]): Deno.ChildProcess {
  const endpoint = `unix://${daemon.listen}`;
  return new Deno.Command(CRICTL, {
    args: [
      ...["--config", "/dev/null", "-r", endpoint, "-i", endpoint],
      ...[command, "--transport", transport, ...args],
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** What it prints with this on its standard input. */
async function output(client: Deno.ChildProcess, input = "") {
  const ended = client.output();
  const writer = client.stdin.getWriter();
  await writer.write(encoder.encode(input));
  await writer.close();
  const { code, stdout, stderr } = await ended;
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

for (const transport of TRANSPORTS) {
  Deno.test(`crictl exec over ${transport}: streams, input and exit code`, async () => {
    const script = "cat; echo err >&2; exit 7";
    const client = spawn("exec", transport, "-i", id, "sh", "-c", script);
    const { code, stdout, stderr } = await output(client, "in\n");
    assert.equal(stdout, "in\n");
    assert.match(stderr, /^err$/m);
    assert.match(stderr, /exit code 7|exit status 7/);
    assert.notEqual(code, 0);
  });

  Deno.test(`crictl attach over ${transport}: input there and output back, to the end`, async () => {
    const config = { command: ["sh", "-c", "read line; echo got $line"], stdin: true };
    const attached = await add(`attach-${transport}`, { ...config, stdin_once: true });
    const client = spawn("attach", transport, "-i", attached);
    const { code, stdout, stderr } = await output(client, "it\n");
    assert.deepEqual([code, stdout], [0, "got it\n"], stderr);
  });

  Deno.test(`crictl port-forward over ${transport}: what is sent comes back`, async () => {
    const client = spawn("port-forward", transport, pod, `:${ECHO_PORT}`);
    const lines = client.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const port = await forwardedPort(lines);
    for (const text of ["one", "two", "three"]) {
      const socket = await Deno.connect({ port });
      await socket.write(encoder.encode(text));
      await socket.closeWrite();
      assert.equal(await new Response(socket.readable).text(), text);
    }
    client.kill("SIGINT");
    await Promise.all([lines.cancel(), client.stderr.cancel(), client.stdin.close()]);
    await client.status;
  });
}

/** The port on loopback that it says it listens on; it goes on saying things. */
async function forwardedPort(lines: ReadableStreamDefaultReader<string>): Promise<number> {
  let said = "";
  while (true) {
    const { done, value = "" } = await lines.read();
    said += value;
    const [, port] = /127\.0\.0\.1:(\d+) ->/.exec(said) ?? [];
    if (port !== undefined) return Number(port);
    assert.ok(!done, `crictl port-forward said: ${said}`);
  }
}
