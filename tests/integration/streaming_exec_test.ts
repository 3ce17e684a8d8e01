/** Exec on a daemon with a real containerd, over SPDY and WebSocket, with clients of our own. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { whereCrictlIs } from "../world/crictl.ts";
import { eventually } from "../world/delay.ts";
import { type RunningContainer, startRunningContainer } from "../world/running_container.ts";
import { request, SpdyClient } from "../world/spdy_client.ts";
import { ChannelClient } from "../world/websocket_client.ts";

const MIB = 1024 * 1024;

interface Options {
  cmd: string[];
  tty?: boolean;
  stdin?: boolean;
}

async function urlOf({ cri, id }: RunningContainer, options: Options): Promise<string> {
  const { cmd, tty = false, stdin = false } = options;
  const streams = { stdin, stdout: true, stderr: !tty };
  return (await cri.call("exec", { containerId: id, cmd, tty, ...streams })).url;
}

/** All streams of an exec over SPDY. */
async function spdyExec(container: RunningContainer, options: Options, version = 4) {
  const name = version === 1 ? "channel.k8s.io" : `v${version}.channel.k8s.io`;
  const client = await SpdyClient.connect(await urlOf(container, options), [name]);
  assert.equal(client.protocol, name);
  const open = (streamType: string) => client.open({ streamType });
  return {
    client,
    error: await open("error"),
    stdin: options.stdin ? await open("stdin") : undefined,
    stdout: await open("stdout"),
    stderr: options.tty ? undefined : await open("stderr"),
    resize: options.tty && version > 2 ? await open("resize") : undefined,
  };
}

const sh = (script: string): string[] => ["sh", "-c", script];

const exitStatus = (code: number) => ({
  metadata: {},
  status: "Failure",
  message: `command terminated with non-zero exit code: exit code ${code}`,
  reason: "NonZeroExitCode",
  details: { causes: [{ reason: "ExitCode", message: String(code) }] },
});

/** Pseudo-random bytes, the same each time. */
function noise(size: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(size / 4);
  let state = 0x2545f491;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    words[at] = state ^= state << 5;
  }
  return new Uint8Array(words.buffer);
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

interface Case {
  name: string;
  check(container: RunningContainer): Promise<void>;
}

const SPDY_CASES: readonly Case[] = [
  {
    name: "SPDY gives both streams and the exit code",
    check: async (container) => {
      const options = { cmd: sh("echo out; echo err >&2; exit 7") };
      const { stdout, stderr, error } = await spdyExec(container, options);
      assert.equal(await stdout.text(), "out\n");
      assert.equal(await stderr?.text(), "err\n");
      assert.deepEqual(JSON.parse(await error.text()), exitStatus(7));
    },
  },
  {
    name: "SPDY in version 1 gives the error as text, and none when all is well",
    check: async (container) => {
      const failed = await spdyExec(container, { cmd: sh("exit 3") }, 1);
      assert.match(await failed.error.text(), /exit code 3$/);
      const well = await spdyExec(container, { cmd: sh("exit 0") }, 1);
      assert.equal(await well.error.text(), "");
    },
  },
  {
    name: "SPDY carries 64 MiB both ways unchanged",
    check: async (container) => {
      const { stdin, stdout } = await spdyExec(container, { cmd: ["cat"], stdin: true });
      const hash = createHash("sha256");
      stdout.onChunk = (chunk) => void hash.update(chunk);
      const bytes = noise(64 * MIB);
      for (let at = 0; at < bytes.length; at += 32_768) {
        await stdin?.send(bytes.subarray(at, at + 32_768));
      }
      await stdin?.end();
      assert.equal(await stdout.ended, "end");
      assert.equal(hash.digest("hex"), sha256(bytes));
    },
  },
  {
    name: "SPDY gives a terminal with its size from the first moment, and then with others",
    check: async (container) => {
      const cmd = sh(
        'busybox stty size; until [ "$(busybox stty size)" = "7 8" ]; do busybox usleep 50000; ' +
          "done; exit 4",
      );
      const { stdout, resize, error } = await spdyExec(container, { cmd, tty: true });
      await resize?.send('{"Width":91,"Height":33}');
      await eventually("the size", () => stdout.chunks.length > 0);
      await resize?.send('{"Width":8,"Height":7}');
      assert.equal(await stdout.text(), "33 91\r\n");
      assert.deepEqual(JSON.parse(await error.text()), exitStatus(4));
    },
  },
  {
    name: "SPDY says on the error stream why a program can't be started",
    check: async (container) => {
      const { error } = await spdyExec(container, { cmd: ["/no/such/program"] });
      const status = JSON.parse(await error.text());
      assert.equal(status.status, "Failure");
      assert.match(status.message, /no such file/);
    },
  },
  {
    name: "a token opens one stream, once",
    check: async (container) => {
      const url = await urlOf(container, { cmd: ["sleep", "600"] });
      const client = await SpdyClient.connect(url, ["v4.channel.k8s.io"]);
      await assert.rejects(SpdyClient.connect(url, ["v4.channel.k8s.io"]), /404/);
      await assert.rejects(SpdyClient.connect(url.replace(/.$/, "~"), []), /404/);
      client.close();
      const other = await urlOf(container, { cmd: ["true"] });
      await assert.rejects(SpdyClient.connect(other.replace("/exec/", "/attach/"), []), /404/);
    },
  },
  {
    name: "unknown protocols are refused with those that are known",
    check: async (container) => {
      const url = await urlOf(container, { cmd: ["true"] });
      await assert.rejects(
        SpdyClient.connect(url, ["v9.channel.k8s.io"]),
        /403.*X-Accepted-Stream-Protocol-Versions: v4\.channel\.k8s\.io/s,
      );
      const { socket, answer } = await request(await urlOf(container, { cmd: ["true"] }), []);
      assert.equal(answer.status, 400);
      socket.close();
    },
  },
];

async function channelExec(container: RunningContainer, options: Options, protocol: string) {
  return await ChannelClient.connect(await urlOf(container, options), [protocol]);
}

const WEBSOCKET_CASES: readonly Case[] = [
  {
    name: "WebSocket gives both streams and the exit code in all its protocols",
    check: async (container) => {
      const options = { cmd: sh("echo out; echo err >&2; exit 7") };
      for (
        const protocol of ["v5.channel.k8s.io", "v4.channel.k8s.io", "v4.base64.channel.k8s.io"]
      ) {
        const client = await channelExec(container, options, protocol);
        assert.equal(client.socket.protocol, protocol);
        assert.equal(await client.closed, 1000);
        assert.equal(client.text(1), "out\n");
        assert.equal(client.text(2), "err\n");
        assert.deepEqual(JSON.parse(client.text(3)), exitStatus(7));
      }
    },
  },
  {
    name: "WebSocket carries 64 MiB both ways unchanged, and closes stdin in version 5",
    check: async (container) => {
      const options = { cmd: ["cat"], stdin: true };
      const client = await channelExec(container, options, "v5.channel.k8s.io");
      const hash = createHash("sha256");
      const statuses: Uint8Array[] = [];
      client.onChunk = (channel, chunk) => {
        if (channel === 1) hash.update(chunk);
        else statuses.push(chunk);
      };
      const bytes = noise(64 * MIB);
      for (let at = 0; at < bytes.length; at += 65_536) {
        client.send(0, bytes.subarray(at, at + 65_536));
        await client.drained(4 * MIB);
      }
      client.send(255, new Uint8Array([0]));
      assert.equal(await client.closed, 1000);
      assert.equal(hash.digest("hex"), sha256(bytes));
      assert.equal(JSON.parse(new TextDecoder().decode(statuses[0])).status, "Success");
    },
  },
  {
    name: "WebSocket gives a terminal with its size from the first moment, without stdin too",
    check: async (container) => {
      const cmd = ["busybox", "stty", "size"];
      const client = await channelExec(container, { cmd, tty: true }, "v4.channel.k8s.io");
      client.send(4, '{"Width":91,"Height":33}');
      await client.closed;
      assert.equal(client.text(1), "33 91\r\n");
    },
  },
  {
    name: "WebSocket takes stdin in base64",
    check: async (container) => {
      const options = { cmd: sh("read line; echo got $line"), stdin: true };
      const client = await channelExec(container, options, "v4.base64.channel.k8s.io");
      client.send(0, "hello\n");
      await client.closed;
      assert.equal(client.text(1), "got hello\n");
    },
  },
];

Deno.test(whereCrictlIs("exec over SPDY and WebSocket on a real containerd"), async (t) => {
  await using container = await startRunningContainer();
  for (const { name, check } of [...SPDY_CASES, ...WEBSOCKET_CASES]) {
    await t.step(name, async () => {
      await check(container);
      await eventually("no trace to be left", async () => (await container.traces()).length === 0);
    });
  }
  await container.finish();
});
