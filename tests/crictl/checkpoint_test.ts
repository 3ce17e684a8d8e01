/**
 * A checkpoint of a running container: an archive where CRIU can make one, else a reason. Either way
 * the container goes on and nothing else is left.
 */
import assert from "node:assert/strict";
import { crictlOf } from "../world/crictl.ts";
import { startDaemon } from "../world/daemon.ts";
import { eventually } from "../world/delay.ts";
import { assertNothingLeft } from "../world/leftovers.ts";
import { busyboxRegistry, containerConfig, podConfig, Pods } from "../world/requests.ts";
import { sh } from "../world/sh.ts";

const TICKS = ["sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; busybox usleep 50000; done"];

Deno.test("a checkpoint is an archive or a reason, and its container goes on", async () => {
  const folder = await Deno.makeTempDir({ prefix: "cri-checkpoints-" });
  const config = `[checkpoints]\ndirs = [${JSON.stringify(folder)}]`;
  await using daemon = await startDaemon({ config });
  await using busybox = await busyboxRegistry();
  const crictl = crictlOf(daemon);
  const pods = new Pods(crictl, daemon);
  await crictl("pull", busybox.image);
  const id = await pods.create(await pods.run("web"), {
    pod: podConfig(daemon, "web"),
    container: containerConfig("main", busybox.image, { command: TICKS }),
  });
  await crictl("start", id);
  const last = async () => Number((await crictl("logs", "--tail", "1", id)).trim());
  await eventually("the first line", async () => await last() > 0);

  const elsewhere = await crictl.attempt("checkpoint", "--export=/etc/cron.d/x", id);
  assert.match(
    elsewhere.stderr,
    /InvalidArgument desc = location: .*\/etc\/cron\.d\/x\\*" is not below/,
  );
  const archive = `${folder}/web.tar`;
  const { code, stderr } = await crictl.attempt("checkpoint", `--export=${archive}`, id);
  const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
  if (code === 0) {
    assert.deepEqual(names, ["web.tar"]);
    assert.match(await sh("tar", "-tf", archive), /^checkpoint\/.*\.img$/m);
  } else {
    assert.match(stderr, /Cannot checkpoint container main.*(CRIU|criu)/);
    assert.deepEqual(names, []);
  }
  const before = await last();
  await eventually("more lines", async () => await last() > before + 3);
  await pods.removeAll();
  await assertNothingLeft(daemon);
  await Deno.remove(folder, { recursive: true });
});
