/** `cri-containerd ps|pods|stats|events|logs` on a running daemon, as people use them without crictl. */
import assert from "node:assert/strict";
import { eventually } from "../world/delay.ts";
import { containerConfig, podConfig } from "../world/requests.ts";
import { PROGRAM, PROGRAM_ARGS } from "../world/program.ts";
import { sharedNode } from "../world/shared_node.ts";

const { daemon, crictl, pods, image } = await sharedNode();
await crictl("pull", image);

async function startPod(name: string, script: string) {
  const pod = await pods.run(name);
  const container = await pods.create(pod, {
    pod: podConfig(daemon, name),
    container: containerConfig("main", image, { command: ["sh", "-c", script] }),
  });
  await crictl("start", container);
  return { pod, container };
}

function command(...args: string[]): Deno.Command {
  return new Deno.Command(PROGRAM, {
    args: [...PROGRAM_ARGS, ...args, "--config", daemon.configFile],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

async function run(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await command(...args).output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test("pods, ps and stats list what is there, for people and for programs", async () => {
  const { pod, container } = await startPod("seen", "sleep 1000");
  assert.match(
    await run("pods"),
    new RegExp(`^default/seen +ready +10\\..* ${pod.slice(0, 13)}$`, "m"),
  );
  const [listed] = JSON.parse(await run("pods", "--json"));
  assert.deepEqual([listed.id, listed.state], [pod, "ready"]);
  const line = `^main +default/seen +running .* ${container.slice(0, 13)}$`;
  assert.match(await run("ps"), new RegExp(line, "m"));
  assert.match(await run("stats"), /^main +default\/seen .* (kB|MB) /m);
  await crictl("stop", "--timeout", "0", container);
  assert.doesNotMatch(await run("ps"), /main/);
  assert.match(await run("ps", "--all"), /^main +default\/seen +exited /m);
});

Deno.test("events are told as they happen, a line each, until the command is interrupted", async () => {
  const child = command("events", "--json").spawn();
  const lines: { type: string; id: string; container: string }[] = [];
  const reading = (async () => {
    const text = child.stdout.pipeThrough(new TextDecoderStream());
    let rest = "";
    for await (const part of text) {
      const parts = `${rest}${part}`.split("\n");
      rest = parts.pop() ?? "";
      for (const line of parts) lines.push(JSON.parse(line));
    }
  })();
  await eventually("the command's subscription", async () => {
    await pods.removeAll();
    await pods.run(`probe-${lines.length}-${Date.now()}`);
    return lines.length > 0;
  }, 20_000);
  const { container } = await startPod("told", "exit 0");
  await eventually(
    "the exit",
    () => lines.some(({ type, id }) => type === "stopped" && id === container),
  );
  const own = lines.filter(({ id }) => id === container);
  assert.deepEqual(own.map(({ type, container }) => `${type} ${container}`), [
    "created main",
    "started main",
    "stopped main",
  ]);
  child.kill("SIGINT");
  assert.equal((await child.status).code, 0);
  await reading;
  await child.stderr.cancel();
});

Deno.test("logs shows a container's output, by name and followed to its end", async () => {
  await startPod("logged", "seq 1 100; printf tail");
  await eventually(
    "the whole log",
    async () => (await run("logs", "logged/main")).endsWith("tail"),
  );
  assert.equal(await run("logs", "main", "--tail", "2"), "100\ntail");
  const follow = await startPod("followed", "for n in 1 2 3; do echo $n; sleep 0.3; done");
  assert.equal(await run("logs", "--follow", follow.container), "1\n2\n3\n");
});

Deno.test("without a daemon the commands say so and what to do", async () => {
  await daemon.stop();
  const { code, stderr } = await command("ps").output();
  assert.equal(code, 1);
  assert.match(new TextDecoder().decode(stderr), /No daemon answers on .*cri-containerd serve/);
  await daemon.start();
});
