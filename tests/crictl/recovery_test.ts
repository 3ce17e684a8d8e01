/** The daemon killed, stopped and started again, and containerd under it: pods live on. */
import assert from "node:assert/strict";
import { counted, COUNTER } from "../world/counter.ts";
import { crictlOf } from "../world/crictl.ts";
import { type Daemon, startDaemon } from "../world/daemon.ts";
import { eventually } from "../world/delay.ts";
import { cloneRecords, spoilRecord } from "../world/records.ts";
import { assertNothingLeft } from "../world/leftovers.ts";
import { startContainerd } from "../world/containerd.ts";
import { busyboxRegistry, containerConfig, podConfig, Pods } from "../world/requests.ts";

const busybox = await busyboxRegistry();
const { image } = busybox;
Deno.test.afterAll(async () => await busybox[Symbol.asyncDispose]());

/** A daemon's pods, and the two questions that each test asks of them. */
async function podsOn(daemon: Daemon) {
  const crictl = crictlOf(daemon);
  const pods = new Pods(crictl, daemon);
  await crictl("pull", image);
  return {
    crictl,
    pods,
    run: async (name: string, command: string[]) => {
      const request = {
        pod: podConfig(daemon, name),
        container: containerConfig("main", image, { command }),
      };
      const pod = await pods.run(name);
      const container = await pods.create(pod, request);
      await crictl("start", container);
      return { pod, container };
    },
    /** What the CRI tells of pods and containers, without what changes with time. */
    seen: async () => {
      const { items } = await crictl.json("pods");
      const { containers } = await crictl.json("ps", "--all");
      const addresses: string[] = [];
      for (const { id } of items) {
        addresses.push((await crictl.json("inspectp", id)).status.network.ip);
      }
      return { items, containers, addresses };
    },
    cleanUp: async () => {
      await pods.removeAll();
      await assertNothingLeft(daemon);
    },
  };
}

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  Deno.test(`pods outlive a daemon ended by ${signal}: addresses, logs and what exited meanwhile`, async () => {
    await using daemon = await startDaemon();
    const { crictl, run, seen, cleanUp } = await podsOn(daemon);
    const counting = await run("counting", COUNTER);
    const exiting = await run("exiting", [
      "sh",
      "-c",
      "while ! [ -e /go ]; do sleep 0.05; done; exit 9",
    ]);
    const { info } = await crictl.json("inspect", exiting.container);
    const before = await seen();
    await daemon.stop(signal);
    await Deno.writeTextFile(`/proc/${info.pid}/root/go`, "");
    await eventually("the container's end", async () => {
      const stat = await Deno.readTextFile(`/proc/${info.pid}/stat`).catch(() => "gone Z");
      return /\bZ\b/.test(stat);
    });
    await daemon.start();

    const exited = await eventually("the exit to be known", async () => {
      const { status } = await crictl.json("inspect", exiting.container);
      return status.state === "CONTAINER_EXITED" && status;
    });
    // A managed containerd ends with the daemon on SIGTERM, and since 1.7 one that starts deletes the
    // tasks that have ended, with all that it knows of them.
    const forgot = signal === "SIGTERM" && !(await crictl("version")).includes("  1.6.");
    assert.deepEqual(
      [exited.exitCode, exited.reason],
      forgot ? [255, "ContainerStatusUnknown"] : [9, "Error"],
    );
    const after = await seen();
    const running = ({ id }: { id: string }) => id !== exiting.container;
    assert.deepEqual(after.items, before.items);
    assert.deepEqual(after.addresses, before.addresses);
    assert.deepEqual(after.containers.filter(running), before.containers.filter(running));

    const lines = () => counted(daemon, "counting", { kills: signal === "SIGKILL" ? 1 : 0 });
    const atStart = await lines();
    await eventually("the log to go on", async () => await lines() > atStart + 20);
    await crictl("stop", "--timeout", "0", counting.container);
    await cleanUp();
  });
}

Deno.test("SIGTERM ends the daemon and takes its socket away", async () => {
  await using daemon = await startDaemon();
  const { crictl, run } = await podsOn(daemon);
  await run("staying", ["sleep", "1000"]);
  await daemon.stop("SIGTERM");
  assert.match(await daemon.log(), /Stopping on SIGTERM/);
  assert.equal((await crictl.attempt("pods")).code, 1);
  await assert.rejects(Deno.lstat(daemon.listen), Deno.errors.NotFound);
});

Deno.test("1,000 dead containers and a broken record are no reason not to start", async () => {
  await using daemon = await startDaemon();
  const { crictl, run, pods } = await podsOn(daemon);
  const { pod, container } = await run("old", ["sh", "-c", "exit 4"]);
  const broken = await run("broken", ["sleep", "1000"]);
  await eventually(
    "the end",
    async () => (await crictl.json("inspect", container)).status.state === "CONTAINER_EXITED",
  );
  await daemon.stop("SIGKILL");
  await cloneRecords(daemon, { id: container, count: 1_000 });
  await spoilRecord(daemon, broken.pod);
  await daemon.start();

  const { containers } = await crictl.json("ps", "--all", "--pod", pod);
  assert.equal(containers.length, 1_001);
  const { status } = await crictl.json("inspect", containers[500].id);
  assert.deepEqual([status.state, status.exitCode], ["CONTAINER_EXITED", 4]);
  const names = (await crictl.json("pods")).items.map((it: { id: string }) => it.id);
  assert.deepEqual(names, [pod]);
  assert.match(await daemon.log(), new RegExp(`record of pod ${broken.pod} is left out`));
  await pods.removeAll();
});

Deno.test("a containerd that restarts is waited for, told of in Status, and its pods are there", async () => {
  const dir = await Deno.makeTempDir({ prefix: "cri-containerd-" });
  let containerd = await startContainerd(dir);
  try {
    await using daemon = await startDaemon({ containerd: containerd.address });
    const { crictl, run, seen, cleanUp } = await podsOn(daemon);
    const { container } = await run("through", COUNTER);
    const before = await seen();
    await containerd.stop("SIGKILL");
    const down = await eventually("NotReady", async () => {
      const [runtime] = (await crictl.json("info")).status.conditions;
      return runtime.status === false && runtime;
    });
    assert.ok(down.message.includes(containerd.address), down.message);
    containerd = await startContainerd(dir);
    await eventually(
      "Ready again",
      async () => (await crictl.json("info")).status.conditions[0].status === true,
    );
    assert.deepEqual(await seen(), before);
    await crictl("stop", "--timeout", "0", container);
    await counted(daemon, "through");
    const { status } = await crictl.json("inspect", container);
    assert.deepEqual([status.state, status.exitCode], ["CONTAINER_EXITED", 137]);
    await run("after", ["sleep", "1000"]);
    await cleanUp();
  } finally {
    await containerd.cleanUp();
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("a managed containerd that is killed is started again under running pods", async () => {
  await using daemon = await startDaemon();
  const { crictl, run, seen, cleanUp } = await podsOn(daemon);
  await run("through", ["sleep", "1000"]);
  const before = await seen();
  const { pid } = JSON.parse(await Deno.readTextFile(`${daemon.dir}/state/containerd/pid.json`));
  Deno.kill(pid, "SIGKILL");
  await eventually("another containerd", async () => {
    const text = await Deno.readTextFile(`${daemon.dir}/state/containerd/pid.json`);
    return JSON.parse(text).pid !== pid;
  });
  await eventually(
    "Ready again",
    async () => (await crictl.json("info")).status.conditions[0].status === true,
  );
  assert.deepEqual(await seen(), before);
  await cleanUp();
});
