/** A daemon that may open no more files refuses pods, lives on, and works again when it may. */
import assert from "node:assert/strict";
import { CriClient } from "../world/cri_client.ts";
import { crictlOf } from "../world/crictl.ts";
import { startDaemon } from "../world/daemon.ts";
import { delay } from "../world/delay.ts";
import { assertNothingLeft } from "../world/leftovers.ts";
import { Pods } from "../world/requests.ts";
import { sh } from "../world/sh.ts";

/** Longer than anything that the daemon does again and again by itself. */
const SECONDS = 3;

Deno.test("a daemon without a file to spare answers all along, and runs pods afterwards", async () => {
  await using daemon = await startDaemon();
  // The next one watches over a containerd that isn't its child.
  await daemon.stop("SIGKILL");
  await daemon.start();
  const crictl = crictlOf(daemon);
  const pods = new Pods(crictl, daemon);
  await pods.run("before");
  using cri = new CriClient(daemon.listen);
  await cri.call("version", {});
  const metadata = { name: "meanwhile", namespace: "default", uid: "uid-meanwhile", attempt: 0 };
  const { cgroupParent } = daemon;
  const limit = (files: string | undefined) =>
    sh("prlimit", `--pid=${daemon.pid}`, `--nofile=${files}:`);
  const limits = await Deno.readTextFile(`/proc/${daemon.pid}/limits`);
  const open = await Array.fromAsync(Deno.readDir(`/proc/${daemon.pid}/fd`));
  await limit(String(open.length));
  for (const until = Date.now() + SECONDS * 1_000; Date.now() < until; await delay(100)) {
    await cri.call("status", {});
    await assert.rejects(
      cri.call("runPodSandbox", { config: { metadata, linux: { cgroupParent } } }),
    );
  }
  await limit(/^Max open files +(\d+)/m.exec(limits)?.[1]);
  await pods.run("after");
  const { items } = await crictl.json("pods");
  for (const { id } of items) await crictl("rmp", "--force", id);
  await assertNothingLeft(daemon);
});
