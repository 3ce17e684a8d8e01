/** install.sh over a daemon with pods and work in progress: they go on, and so does a failed try. */
import assert from "node:assert/strict";
import { counted, COUNTER } from "../world/counter.ts";
import { type Crictl, crictlOf } from "../world/crictl.ts";
import type { Daemon } from "../world/daemon.ts";
import { eventually } from "../world/delay.ts";
import { startInstalled } from "../world/installed.ts";
import { assertNothingLeft } from "../world/leftovers.ts";
import { standIn, writeRelease } from "../world/releases.ts";
import { busyboxRegistry, containerConfig, podConfig, Pods } from "../world/requests.ts";

/** Pods that come and go until told to stop; a call that meets a restart is tried again. */
async function load(o: { crictl: Crictl; daemon: Daemon; signal: AbortSignal }): Promise<number> {
  const { crictl, daemon, signal } = o;
  let rounds = 0;
  for (; !signal.aborted; rounds++) {
    const file = await crictl.file(podConfig(daemon, `load-${rounds}`));
    let pod = "";
    await eventually("a pod", async () => {
      const { code, stdout } = await crictl.attempt("runp", file);
      pod = stdout.trim();
      return code === 0;
    }, 60_000);
    await eventually(
      "its end",
      async () => (await crictl.attempt("rmp", "--force", pod)).code === 0,
      60_000,
    );
  }
  return rounds;
}

Deno.test("an upgrade under load keeps pods and logs, and one that fails is taken back", async () => {
  await using busybox = await busyboxRegistry();
  await using node = await startInstalled(standIn("1.0.0"));
  const { daemon } = node;
  const crictl = crictlOf(daemon);
  const pods = new Pods(crictl, daemon);
  await crictl("pull", busybox.image);
  const pod = podConfig(daemon, "counter");
  const container = containerConfig("main", busybox.image, { command: COUNTER });
  const id = await pods.create(await pods.run("counter"), { pod, container });
  await crictl("start", id);
  const pidOf = async () => (await crictl.json("inspect", id)).info.pid;
  const pid = await pidOf();
  const goesOn = async () => {
    const before = await counted(daemon, "counter");
    await eventually(
      "more lines",
      async () => await counted(daemon, "counter") > before + 10,
      20_000,
    );
    assert.equal(await pidOf(), pid);
  };

  const ended = new AbortController();
  const loaded = load({ crictl, daemon, signal: ended.signal });
  await writeRelease({ dir: `${daemon.dir}/two`, version: "2.0.0" });
  const good = await node.install("--from", `${daemon.dir}/two`);
  assert.equal(good.code, 0, good.stderr);
  assert.match(good.stdout, /cri-containerd 2\.0\.0 is installed$/m);
  assert.equal(await node.version(), "2.0.0");
  await goesOn();

  const program = standIn("3.0.0", { isBroken: true });
  await writeRelease({ dir: `${daemon.dir}/three`, version: "3.0.0", program });
  const bad = await node.install("--from", `${daemon.dir}/three`, "--ready-timeout", "10");
  assert.equal(bad.code, 1);
  assert.match(bad.stderr, /3\.0\.0 isn't ready after 10 s[^]*the version before runs again/);
  assert.equal(await node.version(), "2.0.0");
  await goesOn();

  ended.abort();
  assert.ok(await loaded > 0);
  await pods.removeAll();
  await assertNothingLeft(daemon);
});

Deno.test("an upgrade whose program doesn't take the configuration changes nothing", async () => {
  await using node = await startInstalled(standIn("1.0.0"));
  const program = standIn("2.0.0").replace("exec ", '[ "$1" != config ] || exit 1\nexec ');
  await writeRelease({ dir: `${node.daemon.dir}/two`, version: "2.0.0", program });
  const { code, stderr } = await node.install("--from", `${node.daemon.dir}/two`);
  assert.equal(code, 1);
  assert.match(stderr, /2\.0\.0 doesn't take \/etc\/cri-containerd\/config\.toml/);
  assert.equal(await node.version(), "1.0.0");
});
