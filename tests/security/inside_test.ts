/** What a process in a container finds that isn't its own: nothing of the daemon, containerd or runc. */
import assert from "node:assert/strict";
import { SYMBOLS } from "../../src/linux/symbols.ts";
import { crictlOf, whereCrictlIs } from "../world/crictl.ts";
import { startDaemon } from "../world/daemon.ts";
import { assertNothingLeft } from "../world/leftovers.ts";
import { busyboxRegistry, containerConfig, podConfig, Pods } from "../world/requests.ts";

/** Each open file by its number; the folder that the listing itself opens is the last one. */
const LIST = "for fd in /proc/self/fd/*; do echo ${fd##*/} $(busybox readlink $fd); done";

Deno.test(
  whereCrictlIs(
    "a container and what is run in it have their stdio open and no other file (CVE-2024-21626)",
  ),
  async () => {
    await using daemon = await startDaemon();
    const crictl = crictlOf(daemon);
    await using busybox = await busyboxRegistry();
    await crictl("pull", busybox.image);
    const pods = new Pods(crictl, daemon);
    const pod = await pods.run("inside");
    const command = ["sleep", "1000"];
    const container = await pods.create(pod, {
      pod: podConfig(daemon, "inside"),
      container: containerConfig("main", busybox.image, { command }),
    });
    await crictl("start", container);
    const first = await crictl("exec", "--sync", container, "sh", "-c", "ls /proc/1/fd");
    assert.deepEqual(first.trim().split(/\s+/), ["0", "1", "2"]);
    const own = (await crictl("exec", "--sync", container, "sh", "-c", LIST)).trim().split("\n");
    const others = own.filter((line) => !/^[012] (pipe:|\/dev\/null)/.test(line));
    // What is left is of the shell's own listing, in the container's own /proc.
    assert.deepEqual(others.filter((line) => !/^\d+( \/proc\/\d+\/fd)?$/.test(line)), []);
    // Nor is there a namespace or folder of the node behind the working folder.
    const cwd = await crictl("exec", "--sync", container, "busybox", "readlink", "/proc/self/cwd");
    assert.equal(cwd.trim(), "/");
    await pods.removeAll();
    await assertNothingLeft(daemon);
  },
);

Deno.test("nobody has a call that labels files but the server where SELinux is switched on (CVE-2021-43816)", () => {
  const calls = SYMBOLS.filter(({ symbol }) => symbol.includes("xattr"));
  assert.deepEqual(calls.map(({ symbol }) => symbol), ["getxattr", "setxattr"]);
  for (const { server, io, selinux } of calls) {
    assert.deepEqual([server, io, selinux], [false, false, true]);
  }
});
