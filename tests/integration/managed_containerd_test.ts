/** A containerd that the daemon starts itself: up, down, killed, taken over; pods live on. */
import assert from "node:assert/strict";
import { Node } from "../fixtures/supervisor/node.ts";
import { skipUnless } from "../world/skip.ts";

async function found(program: string): Promise<boolean> {
  const { success } = await new Deno.Command("which", { args: [program], stdout: "null" }).output();
  return success;
}

const missing: string[] = [];
for (const program of ["containerd", "ctr", "runc", "busybox"]) {
  if (!await found(program)) missing.push(program);
}
const whereAllIs = skipUnless(missing.length === 0, `no ${missing.join(", ")} here`);

function containerdPid(node: Node): number {
  const pid: unknown = JSON.parse(Deno.readTextFileSync(`${node.dir}/run/containerd/pid.json`)).pid;
  assert(typeof pid === "number");
  return pid;
}

/** Whether a process runs; what is left of one until it is reaped doesn't. */
function isRunning(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}

async function until(what: string, isTrue: () => boolean): Promise<void> {
  for (let waited = 0; !isTrue(); waited += 20) {
    assert(waited < 15_000, `not ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function ctr(node: Node, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("ctr", {
    args: ["-a", `${node.dir}/run/containerd/containerd.sock`, ...args],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test({
  ...whereAllIs("managed containerd comes up without its CRI and ends with the daemon"),
  fn: async () => {
    await using node = new Node({ managed: true });
    const daemon = node.start();
    await daemon.logs("Ready on");
    assert.match(await ctr(node, "version"), /Server:/);
    const plugins = await ctr(node, "plugins", "ls");
    assert.doesNotMatch(plugins, /io\.containerd\.grpc\.v1\s+cri\s/);
    assert.match(plugins, /overlayfs\s+\S+\s+ok/);
    const pid = containerdPid(node);
    // Its own session's leader: signals to the daemon's group, such as Ctrl-C, are the daemon's.
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    assert.equal(Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[3]), pid);
    daemon.signal("SIGTERM");
    assert.equal(await daemon.ended, 0, daemon.log);
    assert(!isRunning(pid));
  },
});

Deno.test({
  ...whereAllIs("managed containerd that is killed is started again"),
  fn: async () => {
    await using node = new Node({ managed: true });
    const daemon = node.start();
    await daemon.logs("Ready on");
    const pid = containerdPid(node);
    Deno.kill(pid, "SIGKILL");
    await daemon.logs("containerd ended");
    await daemon.logs("is up", 1);
    assert.notEqual(containerdPid(node), pid);
    await ctr(node, "version");
    daemon.signal("SIGTERM");
    await daemon.ended;
  },
});

Deno.test({
  ...whereAllIs("managed containerd of a killed daemon is taken over by the next one"),
  fn: async () => {
    await using node = new Node({ managed: true });
    const first = node.start();
    await first.logs("Ready on");
    const pid = containerdPid(node);
    first.signal("SIGKILL");
    await first.ended;
    assert(isRunning(pid));
    const second = node.start();
    await second.logs("Took over containerd");
    await second.logs("Ready on");
    assert.equal(containerdPid(node), pid);
    Deno.kill(pid, "SIGKILL");
    await second.logs("containerd ended (it is gone)");
    await second.logs("is up");
    const third = containerdPid(node);
    second.signal("SIGTERM");
    await second.ended;
    assert(!isRunning(third));
  },
});

Deno.test({
  ...whereAllIs("managed containerd with another config is not taken over but started anew"),
  fn: async () => {
    await using node = new Node({ managed: true });
    const first = node.start();
    await first.logs("Ready on");
    const pid = containerdPid(node);
    first.signal("SIGKILL");
    await first.ended;
    Deno.writeTextFileSync(`${node.dir}/run/containerd/config.toml`, "version = 2\n");
    const second = node.start();
    await second.logs("Ready on");
    assert.notEqual(containerdPid(node), pid);
    assert(!isRunning(pid));
    second.signal("SIGTERM");
    await second.ended;
  },
});

Deno.test({
  ...whereAllIs("managed containerd's containers live on while the daemon is stopped"),
  fn: async () => {
    await using node = new Node({ managed: true });
    const rootfs = `${node.dir}/rootfs`;
    Deno.mkdirSync(`${rootfs}/bin`, { recursive: true });
    const busybox = new TextDecoder().decode(
      new Deno.Command("which", { args: ["busybox"] }).outputSync().stdout,
    ).trim();
    Deno.copyFileSync(busybox, `${rootfs}/bin/busybox`);
    const first = node.start();
    await first.logs("Ready on");
    await ctr(node, "run", "-d", "--rootfs", rootfs, "lives-on", "/bin/busybox", "sleep", "600");
    const pid = Number(/lives-on\s+(\d+)\s+RUNNING/.exec(await ctr(node, "task", "ls"))?.[1]);
    first.signal("SIGTERM");
    await first.ended;
    assert(isRunning(pid), "the container ended with the daemon");
    const second = node.start();
    await second.logs("Ready on");
    assert.match(await ctr(node, "task", "ls"), new RegExp(`lives-on\\s+${pid}\\s+RUNNING`));
    await ctr(node, "task", "kill", "-s", "SIGKILL", "lives-on");
    await until("ended", () => !isRunning(pid));
    await ctr(node, "task", "delete", "lives-on");
    await ctr(node, "container", "delete", "lives-on");
    second.signal("SIGTERM");
    await second.ended;
  },
});

Deno.test("managed containerd that isn't installed is an error with a remedy", async () => {
  await using node = new Node({ managed: true, containerd: 'binaries = "/nowhere"' });
  const daemon = node.start();
  assert.equal(await daemon.ended, 1);
  assert.match(daemon.log, /No containerd in \/nowhere; install containerd/);
});

Deno.test("managed containerd that fails to come up is an error with its own words", async () => {
  await using node = new Node({ managed: true, containerd: 'binaries = "BIN"' });
  const config = `${node.dir}/config.toml`;
  Deno.writeTextFileSync(config, Deno.readTextFileSync(config).replace("BIN", `${node.dir}/fake`));
  Deno.mkdirSync(`${node.dir}/fake`);
  const script = `#!/bin/sh
[ "$1" = --version ] && { echo "containerd example.org/containerd 2.1.0 abc"; exit; }
echo '{"level":"fatal","msg":"cannot start","error":"no space left"}' >&2
exit 3
`;
  Deno.writeTextFileSync(`${node.dir}/fake/containerd`, script, { mode: 0o755 });
  const daemon = node.start();
  assert.equal(await daemon.ended, 1);
  assert.match(
    daemon.log,
    /containerd did not come up \(exit code 3\): cannot start: no space left/,
  );
  assert.match(Deno.readTextFileSync(`${node.dir}/run/containerd/config.toml`), /version = 3/);
});
