/** A container that mounts a path on a file system that doesn't answer holds up nobody else. */
import assert from "node:assert/strict";
import { CriClient } from "../world/cri_client.ts";
import { crictlOf } from "../world/crictl.ts";
import { startDaemon } from "../world/daemon.ts";
import { eventually } from "../world/delay.ts";
import { assertNothingLeft } from "../world/leftovers.ts";
import { muteMount } from "../world/mute_mount.ts";
import { busyboxRegistry, containerConfig, podConfig, Pods } from "../world/requests.ts";
import { skipUnless } from "../world/skip.ts";

const hasFuse = await Deno.stat("/dev/fuse").then(() => true, () => false);

Deno.test({
  ...skipUnless(hasFuse, "no /dev/fuse here")(
    "a path that doesn't answer holds up its own container alone, and the log says which",
  ),
  fn: async () => {
    await using daemon = await startDaemon();
    await using busybox = await busyboxRegistry();
    const crictl = crictlOf(daemon);
    const pods = new Pods(crictl, daemon);
    await crictl("pull", busybox.image);
    const pod = await pods.run("hung");
    const dir = `${daemon.dir}/mute`;
    await Deno.mkdir(dir);
    const mute = muteMount(dir);
    const request = (name: string, mounts: object[]) => ({
      pod: podConfig(daemon, "hung"),
      container: containerConfig(name, busybox.image, { mounts }),
    });
    const hung = pods.create(
      pod,
      request("hung", [{ host_path: `${dir}/data`, container_path: "/data" }]),
    );
    const ended = hung.catch((error) => assert.match(String(error), /mounts\[0\]\.host_path/));
    try {
      // Everybody else is served meanwhile.
      const other = await pods.create(pod, request("other", []));
      await crictl("start", other);
      using cri = new CriClient(daemon.listen);
      await cri.call("version", {});
      await eventually("the stage to be logged", async () => {
        const log = await daemon.log();
        return /Still trying to create container hung .*: look at what it mounts/.test(log);
      }, 30_000);
    } finally {
      mute[Symbol.dispose]();
    }
    // Refused, or made where the mute one was a moment ago; in any case it isn't held up any more.
    await ended;
    await pods.removeAll();
    await assertNothingLeft(daemon);
  },
});
