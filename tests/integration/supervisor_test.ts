/** The supervisor as a real process with the executable's permission set, over small compartments. */
import assert from "node:assert/strict";
import { Node } from "../fixtures/supervisor/node.ts";
import type { Answer, Ask } from "../fixtures/supervisor/probe.ts";
import { eventually } from "../world/delay.ts";

/** Asks a compartment by way of the server's socket. */
async function ask(node: Node, question: Ask): Promise<Answer> {
  using connection = await Deno.connect({ transport: "unix", path: node.listen });
  await connection.write(new TextEncoder().encode(JSON.stringify(question)));
  const buffer = new Uint8Array(65_536);
  const size = await connection.read(buffer);
  return JSON.parse(new TextDecoder().decode(buffer.subarray(0, size ?? 0)));
}

async function instance(node: Node, to: Ask["to"]): Promise<unknown> {
  const answer = await ask(node, { to, method: "instance" });
  assert("value" in answer, JSON.stringify(answer));
  return answer.value;
}

Deno.test("runSupervisor() starts all compartments with the baked permission set", async () => {
  await using node = new Node();
  const daemon = node.start();
  await daemon.logs("Ready on");
  const all = await Promise.all(
    (["server", "io", "cni", "registry"] as const).map((to) => instance(node, to)),
  );
  assert.equal(new Set(all).size, 4);
  const modes = ["lib", "run", "run/io"].map((dir) =>
    (Deno.statSync(`${node.dir}/${dir}`).mode ?? 0) & 0o777
  );
  assert.deepEqual(modes, [0o711, 0o711, 0o700]);
});

Deno.test("runSupervisor() has the server answer before the others are there", async () => {
  await using node = new Node();
  const hold = `${node.dir}/run/io/hold`;
  await Deno.mkdir(`${node.dir}/run/io`, { recursive: true });
  await Deno.writeTextFile(hold, "");
  const daemon = node.start();
  await eventually("the server's answer", () => instance(node, "server").catch(() => undefined));
  const asked = instance(node, "io");
  assert.doesNotMatch(daemon.log, /Ready on/);
  await Deno.remove(hold);
  await asked;
  await daemon.logs("Ready on");
});

Deno.test("runSupervisor() stops within a second on SIGTERM and on SIGINT", async () => {
  await using node = new Node();
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    const daemon = node.start();
    await daemon.logs("Ready on");
    const before = performance.now();
    daemon.signal(signal);
    assert.equal(await daemon.ended, 0, daemon.log);
    assert(performance.now() - before < 1_000);
  }
});

Deno.test("runSupervisor() refuses a second daemon on the same state", async () => {
  await using node = new Node();
  const first = node.start();
  await first.logs("Ready on");
  const second = node.start();
  assert.equal(await second.ended, 1);
  assert.match(second.log, /Another daemon is running on .*\/run; stop it/);
  await instance(node, "io");
});

Deno.test("runSupervisor() starts a compartment that died again, and its peers find it", async () => {
  await using node = new Node();
  const daemon = node.start();
  await daemon.logs("Ready on");
  const before = await instance(node, "registry");
  const running = ask(node, { to: "registry", method: "sleep", arg: 60_000 });
  await ask(node, { to: "registry", method: "die" });
  const failed = await running;
  assert("kind" in failed && failed.kind === "unavailable", JSON.stringify(failed));
  assert.notEqual(await instance(node, "registry"), before);
  await daemon.logs("told to die");
});

Deno.test("runSupervisor() starts the server again when that one dies", async () => {
  await using node = new Node();
  const daemon = node.start();
  await daemon.logs("Ready on");
  const before = { server: await instance(node, "server"), io: await instance(node, "io") };
  await ask(node, { to: "server", method: "die" });
  await daemon.logs("up again");
  assert.notEqual(await instance(node, "server"), before.server);
  assert.equal(await instance(node, "io"), before.io, "the others go on");
});

Deno.test("runSupervisor() ends a compartment that hangs and starts it again", async () => {
  await using node = new Node();
  const daemon = node.start();
  await daemon.logs("Ready on");
  const before = await instance(node, "io");
  const hung = await ask(node, { to: "io", method: "hang", arg: 60_000 });
  assert("kind" in hung && hung.kind === "unavailable", JSON.stringify(hung));
  assert.notEqual(await instance(node, "io"), before);
  await daemon.logs("has not answered");
});

Deno.test("runSupervisor() lets a new plugin be run, and finishes calls on the old one", async () => {
  await using node = new Node();
  const bridge = node.plugin("bridge");
  const daemon = node.start();
  await daemon.logs("Ready on");
  assert.deepEqual(await ask(node, { to: "cni", method: "run", arg: bridge }), { value: 7 });
  const before = await instance(node, "cni");
  const running = ask(node, { to: "cni", method: "sleep", arg: 2_000 });
  const added = node.plugin("added");
  await daemon.logs("The network plugins changed: 2");
  while (await instance(node, "cni") === before) await new Promise((r) => setTimeout(r, 20));
  assert.deepEqual(await ask(node, { to: "cni", method: "run", arg: added }), { value: 7 });
  assert.deepEqual(await running, { value: before });
});

Deno.test("runSupervisor() switches the level of logging on SIGUSR1", async () => {
  await using node = new Node();
  const daemon = node.start();
  await daemon.logs("Ready on");
  daemon.signal("SIGUSR1");
  await daemon.logs("The level of logging is");
});

Deno.test("runSupervisor() says which folder it cannot make", async () => {
  await using node = new Node();
  Deno.writeTextFileSync(`${node.dir}/lib`, "a file where the folder should be");
  const daemon = node.start();
  assert.equal(await daemon.ended, 1);
  assert.match(daemon.log, /Cannot make the folder .*\/lib: /);
});
