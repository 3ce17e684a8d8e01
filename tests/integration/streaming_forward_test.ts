/** Port-forward on a daemon with a real containerd, with clients of our own. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { whereCrictlIs } from "../world/crictl.ts";
import { eventually } from "../world/delay.ts";
import { ForwardClient } from "../world/forward_client.ts";
import { podConfig } from "../world/requests.ts";
import { type RunningContainer, startRunningContainer } from "../world/running_container.ts";
import { ChannelClient } from "../world/websocket_client.ts";

const MIB = 1024 * 1024;
const ECHO_PORT = 7;
const CLOSED_PORT = 99;
/** Sends a line and ends, whatever it is sent. */
const HELLO_PORT = 13;

const serve = (port: number, program: string) => `busybox nc -ll -p ${port} -e ${program} &`;

const SERVERS = [
  "printf '#!/bin/sh\\necho hello\\n' > /hello; busybox chmod +x /hello",
  serve(ECHO_PORT, "/bin/cat"),
  serve(HELLO_PORT, "/hello"),
  "sleep 1000",
].join("\n");

const HOST_NETWORK = { linux: { security_context: { namespace_options: { network: 2 } } } };

async function urlOf(
  { cri, pod }: Pick<RunningContainer, "cri" | "pod">,
  port: number[] = [],
): Promise<string> {
  return (await cri.call("portForward", { podSandboxId: pod, port })).url;
}

const CASES: readonly { name: string; check(container: RunningContainer): Promise<void> }[] = [
  {
    name: "a connection carries both ways, and each way ends by itself",
    check: async (container) => {
      const client = await ForwardClient.connect(await urlOf(container));
      const { data, error } = await client.open(ECHO_PORT);
      await data.send("hello");
      await eventually("the echo", () => data.chunks.length > 0);
      // The other side sees this end, and only then ends itself.
      await data.end();
      assert.equal(await data.text(), "hello");
      assert.equal(await data.ended, "end");
      assert.equal(await error.text(), "");
      client.close();
    },
  },
  {
    name: "the pod's end comes though the client goes on",
    check: async (container) => {
      const client = await ForwardClient.connect(await urlOf(container));
      const { data } = await client.open(HELLO_PORT);
      assert.equal(await data.text(), "hello\n");
      client.close();
    },
  },
  {
    name: "a refused port is an error of its own connection alone",
    check: async (container) => {
      const client = await ForwardClient.connect(await urlOf(container));
      const good = await client.open(ECHO_PORT);
      const bad = await client.open(CLOSED_PORT);
      assert.match(await bad.error.text(), /port 99 .*refused/);
      assert.equal(await bad.data.ended, "reset");
      await good.data.send("still here");
      await good.data.end();
      assert.equal(await good.data.text(), "still here");
      client.close();
    },
  },
  {
    name: "100 connections at once carry 1 MiB each unchanged",
    check: async (container) => {
      await using server = await echoServer(container);
      const client = await ForwardClient.connect(await urlOf(container));
      const bytes = crypto.getRandomValues(new Uint8Array(65_536));
      const expected = createHash("sha256");
      for (let at = 0; at < 16; at++) expected.update(bytes);
      const digest = expected.digest("hex");
      const one = async () => {
        const { data } = await client.open(server.port);
        const hash = createHash("sha256");
        data.onChunk = (chunk) => void hash.update(chunk);
        for (let at = 0; at < 16; at++) await data.send(bytes);
        await data.end();
        assert.equal(await data.ended, "end");
        return hash.digest("hex");
      };
      const digests = await Promise.all(Array.from({ length: 100 }, one));
      assert.deepEqual([...new Set(digests)], [digest]);
      client.close();
    },
  },
  {
    name: "64 MiB come back unchanged over one connection",
    check: async (container) => {
      const client = await ForwardClient.connect(await urlOf(container));
      const { data } = await client.open(ECHO_PORT);
      const bytes = crypto.getRandomValues(new Uint8Array(65_536));
      const [sent, received] = [createHash("sha256"), createHash("sha256")];
      data.onChunk = (chunk) => void received.update(chunk);
      for (let at = 0; at < 64 * MIB; at += bytes.length) {
        sent.update(bytes);
        await data.send(bytes);
      }
      await data.end();
      await data.ended;
      assert.equal(received.digest("hex"), sent.digest("hex"));
      client.close();
    },
  },
  {
    name: "a connection that the client resets is closed in the pod",
    check: async (container) => {
      const client = await ForwardClient.connect(await urlOf(container));
      const { data, error } = await client.open(ECHO_PORT);
      await data.send("x");
      await eventually("the echo", () => data.chunks.length > 0);
      await data.reset();
      assert.equal(await error.ended, "end");
      client.close();
      await eventually("its server to end", async () => (await catsOf(container)) === 0);
    },
  },
  {
    name: "a plain WebSocket has two channels for each port",
    check: async (container) => {
      const url = await urlOf(container, [ECHO_PORT, CLOSED_PORT]);
      const client = await ChannelClient.connect(url, ["v4.channel.k8s.io"]);
      client.send(0, "hello");
      const portAndText = () => [...client.bytes(0)].slice(0, 2).concat(client.bytes(0).length);
      await eventually("the echo", () => client.bytes(0).length === 7);
      assert.deepEqual(portAndText(), [ECHO_PORT, 0, 7]);
      assert.equal(new TextDecoder().decode(client.bytes(0).subarray(2)), "hello");
      await eventually("the refusal", () => client.text(3).includes("refused"));
      client.close();
      await client.closed;
    },
  },
  {
    name: "a server on ::1 alone is reached",
    check: async (container) => {
      await container.add("ipv6", { command: ["httpd", "-f", "-p", "[::1]:8080"] });
      const client = await ForwardClient.connect(await urlOf(container));
      await eventually("the server", async () => {
        const { data } = await client.open(8080);
        await data.send("GET / HTTP/1.0\r\n\r\n");
        return (await data.text()).startsWith("HTTP/1.");
      });
      client.close();
    },
  },
  {
    name: "a pod on the node's network is forwarded to",
    check: async (container) => {
      const { daemon, crictl, cri } = container;
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const config = podConfig(daemon, "host", HOST_NETWORK);
      const pod = (await crictl("runp", await crictl.file(config))).trim();
      const client = await ForwardClient.connect(await urlOf({ cri, pod }));
      const [socket, { data }] = await Promise.all([
        listener.accept(),
        client.open(listener.addr.port),
      ]);
      await socket.write(new TextEncoder().encode("from the node"));
      socket.close();
      assert.equal(await data.text(), "from the node");
      client.close();
      listener.close();
    },
  },
];

/** An echo server in the pod's network that takes many clients at once, which busybox's can't. */
async function echoServer({ daemon, pod }: RunningContainer) {
  const script = new URL("../fixtures/echo_server.ts", import.meta.url).pathname;
  const netns = `--net=${daemon.netnsDir}/cri-${pod}`;
  const child = new Deno.Command("nsenter", {
    args: [netns, Deno.execPath(), "run", "--no-config", "--allow-net", script],
    stdin: "null",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  return {
    port: Number(new TextDecoder().decode(value)),
    async [Symbol.asyncDispose]() {
      child.kill();
      await reader.cancel();
      await child.status;
    },
  };
}

/** Echo servers that have a connection. */
async function catsOf({ cri, id }: RunningContainer): Promise<number> {
  const cmd = ["sh", "-c", "busybox pidof cat || true"];
  const { stdout } = await cri.call("execSync", { containerId: id, cmd });
  return new TextDecoder().decode(stdout).split(/\s+/).filter((pid) => pid !== "").length;
}

Deno.test(whereCrictlIs("port-forward on a real containerd"), async (t) => {
  await using container = await startRunningContainer({ command: ["sh", "-c", SERVERS] });
  const ready = async () => {
    const client = await ForwardClient.connect(await urlOf(container));
    const { data } = await client.open(HELLO_PORT);
    const text = await data.text();
    client.close();
    return text === "hello\n";
  };
  await eventually("the servers", ready);
  for (const { name, check } of CASES) await t.step(name, () => check(container));
  await container.finish();
});
