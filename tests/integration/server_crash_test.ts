/** The server compartment dies: callers are told to try again, soon they can, and containers go on. */
import assert from "node:assert/strict";
import { CriClient } from "../world/cri_client.ts";
import { whereCrictlIs } from "../world/crictl.ts";
import { delay, eventually } from "../world/delay.ts";
import { startRunningContainer } from "../world/running_container.ts";

const DAEMON = new URL("../fixtures/dying/server_daemon.ts", import.meta.url).pathname;
const UNAVAILABLE = 14;

const COMMAND = "n=0; while :; do n=$((n+1)); echo tick $n; busybox usleep 100000; done";

/** Asks again and again, each time as a new caller, and gives what the failed calls were told. */
async function askUntil(listen: string, isOver: () => boolean): Promise<unknown[]> {
  const codes: unknown[] = [];
  while (!isOver()) {
    using cri = new CriClient(listen);
    try {
      await cri.call("version", {});
    } catch (error) {
      codes.push(error instanceof Error && "code" in error ? error.code : error);
    }
    await delay(10);
  }
  return codes;
}

Deno.test(
  whereCrictlIs("the server dies, and answers again with everything that runs"),
  async () => {
    const command = [Deno.execPath(), "run", "-q", "-P", DAEMON];
    await using container = await startRunningContainer(
      { command: ["sh", "-c", COMMAND] },
      { command },
    );
    const { daemon, crictl, cri, id, pod } = container;
    const pidBefore = JSON.parse(await crictl("inspect", id)).info.pid;
    for (let round = 0; round < 3; round++) {
      const before = (await daemon.log()).length;
      const isUp = async () =>
        (await daemon.log()).slice(before).includes("Compartment server is up again");
      let isOver = false;
      const asking = askUntil(daemon.listen, () => isOver);
      await Deno.writeTextFile(`${daemon.dir}/state/die`, "");
      await eventually("the server to be up again", isUp);
      await eventually("its answer", async () => {
        using again = new CriClient(daemon.listen);
        const { containers } = await again.call("listContainers", {}).catch(() => ({
          containers: [],
        }));
        return containers.some((one) => one.id === id);
      });
      isOver = true;
      assert.deepEqual((await asking).filter((code) => code !== UNAVAILABLE), []);
      assert.equal(JSON.parse(await crictl("inspect", id)).info.pid, pidBefore);
      assert.match(await crictl("pods", "-q", "--state", "ready"), new RegExp(pod.slice(0, 12)));
    }
    // The io compartment wrote on all the while.
    const lines = (await crictl("logs", id)).match(/tick \d+/g) ?? [];
    assert.deepEqual(lines, lines.map((_, at) => `tick ${at + 1}`));
    // And a connection of before the deaths serves its caller again.
    const { stdout } = await cri.call("execSync", { containerId: id, cmd: ["echo", "well"] });
    assert.equal(new TextDecoder().decode(stdout), "well\n");
    await container.finish();
  },
);
