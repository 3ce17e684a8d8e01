/** An orderly end with pods in the making: who asked for one gets an answer that is true afterwards. */
import assert from "node:assert/strict";
import { type Crictl, crictlOf } from "../world/crictl.ts";
import { type Daemon, startDaemon } from "../world/daemon.ts";
import { eventually } from "../world/delay.ts";
import { assertNothingLeft, leftovers } from "../world/leftovers.ts";
import { CONF_FILE } from "../world/network.ts";
import { podConfig, Pods } from "../world/requests.ts";

/** Asks for a pod, and ends the daemon as soon as it has logged `stage`. */
async function stopDuring(
  o: { daemon: Daemon; crictl: Crictl; name: string; stage: string },
) {
  const { daemon, crictl, name, stage } = o;
  const before = (await daemon.log()).length;
  const asked = crictl.attempt("runp", await crictl.file(podConfig(daemon, name)));
  await eventually(
    stage,
    async () => (await daemon.log()).slice(before).includes(stage),
  );
  await daemon.stop();
  const outcome = await asked;
  await daemon.start();
  const { items } = await crictl.json("pods", "--name", name);
  return { outcome, items };
}

Deno.test("an orderly end lets pods in the making be made", async () => {
  await using daemon = await startDaemon();
  const crictl = crictlOf(daemon);
  const pods = new Pods(crictl, daemon);
  for (const stage of ["record the pod took", "attach the network took", "create task"]) {
    const name = stage.split(" ")[0] ?? "";
    const { outcome, items } = await stopDuring({ daemon, crictl, name, stage });
    assert.equal(outcome.code, 0, outcome.stderr);
    assert.deepEqual(
      items.map(({ id, state }: { id: string; state: string }) => [id, state]),
      [[outcome.stdout.trim(), "SANDBOX_READY"]],
    );
  }
  await pods.removeAll();
  await assertNothingLeft(daemon);
});

Deno.test("a pod that isn't made in time for an orderly end is refused and undone", async () => {
  await using daemon = await startDaemon();
  const crictl = crictlOf(daemon);
  const slow = `#!/bin/sh\necho begun >>${daemon.dir}/slow\n` +
    `[ "$CNI_COMMAND" != ADD ] || exec sleep 60\n`;
  await Deno.writeTextFile(`${daemon.ownPluginDir}/slow`, slow, { mode: 0o755 });
  const conf = JSON.parse(daemon.network.conf());
  conf.plugins.push({ type: "slow" });
  await daemon.stop();
  await Deno.writeTextFile(`${daemon.network.confDir}/${CONF_FILE}`, JSON.stringify(conf));
  await daemon.start();
  const asked = crictl.attempt("runp", await crictl.file(podConfig(daemon, "slow")));
  await eventually(
    "the plugin",
    () => Deno.stat(`${daemon.dir}/slow`).then(() => true, () => false),
  );
  await daemon.stop();
  const { code, stderr } = await asked;
  assert.equal(code, 1);
  assert.match(stderr, /code = Unavailable desc = .*The daemon is stopping; call again/);
  await daemon.start();
  assert.deepEqual((await crictl.json("pods")).items, []);
  assert.deepEqual(await leftovers(daemon), []);
});
