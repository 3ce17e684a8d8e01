/** Many pods at once, and the daemon killed in the middle of them: nothing is left of any. */
import assert from "node:assert/strict";
import { crictlOf } from "../world/crictl.ts";
import { startDaemon } from "../world/daemon.ts";
import { delay } from "../world/delay.ts";
import { assertNothingLeft } from "../world/leftovers.ts";
import { busyboxRegistry, containerConfig, podConfig, Pods } from "../world/requests.ts";

const PODS = 50;
const KILLS = 10;

const names = Array.from({ length: PODS }, (_, n) => `storm-${n}`);

Deno.test("50 pods at once come up, each with an address of its own, and all go away", async () => {
  await using busybox = await busyboxRegistry();
  await using daemon = await startDaemon();
  const crictl = crictlOf(daemon);
  const pods = new Pods(crictl, daemon);
  const { image } = busybox;
  await crictl("pull", image);
  await Promise.all(names.map(async (name) => {
    const pod = await pods.run(name);
    const request = { pod: podConfig(daemon, name), container: containerConfig("main", image) };
    await crictl("start", await pods.create(pod, request));
  }));
  const { items } = await crictl.json("pods", "--state", "ready");
  assert.equal(items.length, PODS);
  assert.equal((await crictl.json("ps", "--state", "running")).containers.length, PODS);
  assert.equal(new Set(await daemon.network.leases()).size, PODS);
  await Promise.all(items.map(({ id }: { id: string }) => crictl("rmp", "--force", id)));
  await assertNothingLeft(daemon);
});

Deno.test("a daemon killed at ten random moments under load leaves nothing after the next clean-up", async () => {
  await using busybox = await busyboxRegistry();
  await using daemon = await startDaemon();
  const crictl = crictlOf(daemon);
  const pods = new Pods(crictl, daemon);
  const { image } = busybox;
  await crictl("pull", image);
  const moments: number[] = [];
  for (let kill = 0; kill < KILLS; kill++) {
    const work = names.slice(0, 10).map(async (name) => {
      const request = { pod: podConfig(daemon, name), container: containerConfig("main", image) };
      const pod = await pods.run(name);
      await crictl("start", await pods.create(pod, request));
      await crictl("stopp", pod);
      await crictl("rmp", pod);
    });
    const settled = Promise.allSettled(work);
    // The moment is random by design: it falls between any two steps of any of the pods.
    const moment = Math.random() * 1_500;
    moments.push(Math.round(moment));
    await delay(moment);
    await daemon.stop("SIGKILL");
    await settled;
    await daemon.start();
    try {
      await pods.removeAll();
      await assertNothingLeft(daemon);
    } catch (error) {
      throw new Error(`killed after ${moments.join(", ")} ms: ${error}`, { cause: error });
    }
  }
});
