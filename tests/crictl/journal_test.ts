/** Containers' output in journald beside their logs; a small receiver stands in for journald. */
import assert from "node:assert/strict";
import { crictlOf } from "../world/crictl.ts";
import { startDaemon } from "../world/daemon.ts";
import { eventually } from "../world/delay.ts";
import { assertNothingLeft } from "../world/leftovers.ts";
import { busyboxRegistry, containerConfig, podConfig, Pods } from "../world/requests.ts";
import { sh } from "../world/sh.ts";
import { skipUnless } from "../world/skip.ts";

/** Writes every datagram that comes to a file, until it is ended. */
const RECEIVER = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
with open(sys.argv[2], "ab", 0) as f:
    while True:
        f.write(s.recv(1 << 20))
`;

async function startReceiver(socket: string, file: string): Promise<AsyncDisposable> {
  await Deno.remove(socket).catch(() => {});
  const child = new Deno.Command("python3", { args: ["-c", RECEIVER, socket, file] }).spawn();
  await eventually(
    "the receiver",
    async () => (await Deno.stat(socket).catch(() => null)) !== null,
  );
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await child.status;
    },
  };
}

const wherePythonIs = skipUnless(await hasPython(), "no python3 here");

async function hasPython(): Promise<boolean> {
  return await sh("python3", "--version").then(() => true, () => false);
}

Deno.test({
  ...wherePythonIs(
    "containers' output is in the journal and in the log, also after journald's restart",
  ),
  fn: async () => {
    const dir = await Deno.makeTempDir({ prefix: "cri-journal-" });
    const [socket, file] = [`${dir}/socket`, `${dir}/received`];
    try {
      // The daemon's own table of logs is the last one of its configuration.
      await using daemon = await startDaemon({
        config: `journal = "${socket}"
`,
      });
      await using busybox = await busyboxRegistry();
      const crictl = crictlOf(daemon);
      const pods = new Pods(crictl, daemon);
      await crictl("pull", busybox.image);
      try {
        let receiver = await startReceiver(socket, file);
        const received = () => Deno.readTextFile(file).catch(() => "");
        const pod = await pods.run("journaled");
        const container = await pods.create(pod, {
          pod: podConfig(daemon, "journaled"),
          container: containerConfig("main", busybox.image, {
            command: ["sh", "-c", "n=0; while :; do n=$((n+1)); echo line $n; sleep 0.1; done"],
          }),
        });
        await crictl("start", container);
        await eventually("a message", async () => (await received()).includes("line 3"), 20_000);
        const text = await received();
        for (
          const field of [
            "K8S_POD_NAME=journaled\n",
            "K8S_NAMESPACE_NAME=default\n",
            "CONTAINER_NAME=main\n",
            `CONTAINER_ID_FULL=${container}\n`,
          ]
        ) assert.ok(text.includes(field), field);
        await receiver[Symbol.asyncDispose]();
        const before = (await crictl("logs", container)).trimEnd().split("\n").length;
        await Deno.remove(file);
        receiver = await startReceiver(socket, file);
        await eventually("it again", async () => (await received()) !== "", 20_000);
        await receiver[Symbol.asyncDispose]();
        const lines = (await crictl("logs", container)).trimEnd().split("\n");
        assert.ok(lines.length > before);
        lines.forEach((line, at) => assert.equal(line, `line ${at + 1}`));
      } finally {
        await pods.removeAll();
      }
      await assertNothingLeft(daemon);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});
