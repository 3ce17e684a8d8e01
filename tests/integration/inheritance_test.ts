/** What the programs that the daemon starts get of it: nothing that is open. */
import assert from "node:assert/strict";
import { startDaemon } from "../world/daemon.ts";

const O_CLOEXEC = 0o2000000;

/** The sockets of a process, by their link; true for those that its programs inherit. */
async function sockets(pid: number): Promise<Map<string, boolean>> {
  const found = new Map<string, boolean>();
  for await (const { name } of Deno.readDir(`/proc/${pid}/fd`)) {
    const link = await Deno.readLink(`/proc/${pid}/fd/${name}`).catch(() => "");
    if (!link.startsWith("socket:") || Number(name) < 3) continue;
    const info = await Deno.readTextFile(`/proc/${pid}/fdinfo/${name}`);
    const flags = parseInt(/^flags:\s*(\d+)$/m.exec(info)?.[1] ?? "", 8);
    found.set(link, (flags & O_CLOEXEC) === 0);
  }
  return found;
}

Deno.test("containerd and everything else that is started has no socket of the daemon", async () => {
  await using daemon = await startDaemon();
  const own = await sockets(daemon.pid);
  assert.ok(own.size > 1, "the CRI's socket and the connection to containerd");
  assert.deepEqual([...own].filter(([, isInherited]) => isInherited), []);
  const { pid } = JSON.parse(await Deno.readTextFile(`${daemon.dir}/state/containerd/pid.json`));
  const theirs = await sockets(pid);
  assert.deepEqual([...theirs.keys()].filter((link) => own.has(link)), []);
});
