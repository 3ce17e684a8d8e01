/** The demo as people start it: it proves itself, ends by Ctrl-C, and says what it misses. */
import assert from "node:assert/strict";
import { eventually } from "../world/delay.ts";
import { processesNaming } from "../world/processes.ts";

const DEMO = new URL("../demo/main.ts", import.meta.url).pathname;

const MAX_DEMO_MS = 120_000;

function spawn(args: string[], env: Record<string, string> = {}): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-P=dev", DEMO, ...args],
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** The folder that a demo's first step names. */
function folderIn(stdout: string): string {
  const folder = /containerd are up, in (\S+)/.exec(stdout)?.[1];
  assert(folder !== undefined, stdout);
  return folder;
}

Deno.test("demo --check sees each step work and leaves nothing, in plain lines", async () => {
  const { code, stdout, stderr } = await spawn(["--check"]).output();
  const text = new TextDecoder().decode(stdout);
  assert.equal(code, 0, text + new TextDecoder().decode(stderr));
  for (const part of ["is answered by the pod", "same pod, same IP", "folder are gone"]) {
    assert(text.includes(part), `${part} isn't in:\n${text}`);
  }
  assert.match(text, /^ +2\S+ stdout F count 3$/m);
  assert(!text.includes("\x1b") && !text.includes("\r"), "a terminal's codes in a plain output");
  await assert.rejects(Deno.lstat(folderIn(text)), Deno.errors.NotFound);
});

Deno.test("demo leaves its socket to the user until Ctrl-C, which removes everything", async () => {
  const child = spawn([]);
  let text = "";
  const reading = (async () => {
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) text += chunk;
  })();
  try {
    await eventually("the demo's end", () => text.includes("Ctrl-C removes"), MAX_DEMO_MS);
    const folder = folderIn(text);
    assert(text.includes(`CONTAINER_RUNTIME_ENDPOINT=unix://${folder}/cri.sock`), text);
    const [, url = ""] = /curl (\S+)/.exec(text) ?? [];
    assert.equal(await (await fetch(url)).text(), "Hello from a pod of cri-containerd\n");
    child.kill("SIGINT");
    const { code } = await child.status;
    await reading;
    assert.equal(code, 0, text);
    await assert.rejects(Deno.lstat(folder), Deno.errors.NotFound);
    assert.deepEqual(await processesNaming(folder), []);
  } finally {
    await child.stderr.cancel();
  }
});

Deno.test("demo says what it misses and which packages have it", async () => {
  const { code, stdout, stderr } = await spawn(["--check"], { PATH: "/nonexistent" }).output();
  const text = new TextDecoder().decode(stderr);
  assert.equal(code, 2);
  assert.equal(stdout.length, 0);
  assert.match(text, /- runc\n/);
  assert.match(text, /apt-get install containerd runc iptables iproute2$/m);
});
