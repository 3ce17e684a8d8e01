/** Who may call the daemon: root, and the group that the configuration names. */
import assert from "node:assert/strict";
import { startDaemon } from "../world/daemon.ts";

const GROUP = 64_321;

/** Whether an ordinary user of the group may connect, which takes what writing to it takes. */
async function mayConnect(listen: string, gid: number): Promise<boolean> {
  const { success } = await new Deno.Command("setpriv", {
    args: ["--reuid=65534", `--regid=${gid}`, "--clear-groups", "test", "-w", listen],
    stderr: "inherit",
  }).output();
  return success;
}

Deno.test("the socket is for root and the configured group alone", async () => {
  await using daemon = await startDaemon({ config: `[cri]\nsocket_gid = ${GROUP}` });
  const { mode, uid, gid } = await Deno.stat(daemon.listen);
  assert.deepEqual([(mode ?? 0) & 0o777, uid, gid], [0o660, 0, GROUP]);
  assert.equal(await mayConnect(daemon.listen, GROUP), true);
  assert.equal(await mayConnect(daemon.listen, GROUP + 1), false);
});
