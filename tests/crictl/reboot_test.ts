/** The node after a reboot: its pods are told of as ended, and can be removed without a trace. */
import assert from "node:assert/strict";
import { crictlOf } from "../world/crictl.ts";
import { type Daemon, startDaemon } from "../world/daemon.ts";
import { eventually } from "../world/delay.ts";
import { assertNothingLeft } from "../world/leftovers.ts";
import { powerOff } from "../world/reboot.ts";
import { connectContainerd } from "../../src/containerd/client.ts";
import { busyboxRegistry, containerConfig, podConfig, Pods } from "../world/requests.ts";

const busybox = await busyboxRegistry();
const { image } = busybox;
Deno.test.afterAll(async () => await busybox[Symbol.asyncDispose]());

async function podsOn(daemon: Daemon) {
  const crictl = crictlOf(daemon);
  await crictl("pull", image);
  const pods = new Pods(crictl, daemon);
  /** A pod with a container in the state that is asked for. */
  const run = async (
    name: string,
    { until = "running", ...more }: { until?: "created" | "running"; command?: string[] } = {},
  ) => {
    const pod = await pods.run(name, { port_mappings: [{ container_port: 80, host_port: 0 }] });
    const request = {
      pod: podConfig(daemon, name),
      container: containerConfig("main", image, more),
    };
    const container = await pods.create(pod, request);
    if (until === "running") await crictl("start", container);
    return { pod, container };
  };
  return { crictl, pods, run };
}

Deno.test("after a reboot pods are NotReady, containers exited, and all of it can be removed", async () => {
  await using daemon = await startDaemon();
  const { crictl, pods, run } = await podsOn(daemon);
  const running = await run("running");
  const created = await run("created", { until: "created" });
  const exited = await run("exited", { command: ["sh", "-c", "exit 3"] });
  const stopped = await run("stopped");
  await crictl("stopp", stopped.pod);
  const stateOf = async (container: string) => (await crictl.json("inspect", container)).status;
  await eventually(
    "the exit",
    async () => (await stateOf(exited.container)).state === "CONTAINER_EXITED",
  );
  assert.equal((await daemon.network.leases()).length, 3);
  await powerOff(daemon);
  await daemon.start();

  const { items } = await crictl.json("pods");
  assert.equal(items.length, 4);
  for (const { state } of items) assert.equal(state, "SANDBOX_NOTREADY");
  const lost = await stateOf(running.container);
  assert.deepEqual([lost.state, lost.exitCode, lost.reason], [
    "CONTAINER_EXITED",
    255,
    "ContainerStatusUnknown",
  ]);
  const known = await stateOf(exited.container);
  assert.deepEqual([known.exitCode, known.reason], [3, "Error"]);
  assert.equal((await stateOf(created.container)).state, "CONTAINER_CREATED");
  const start = await crictl.attempt("start", created.container);
  assert.match(start.stderr, /the pod is not ready/);

  // As the kubelet does it: stop, make the next attempt under the same name, remove the old one.
  await crictl("stopp", running.pod);
  assert.equal((await daemon.network.leases()).length, 2);
  const next = await pods.run("running", {
    metadata: { name: "running", namespace: "default", uid: "uid-running", attempt: 1 },
  });
  await crictl("rmp", running.pod);
  assert.equal((await crictl.json("inspectp", next)).status.state, "SANDBOX_READY");
  await pods.removeAll();
  await assertNothingLeft(daemon);
});

Deno.test("a pod whose record was deleted behind our back gives its address back after a reboot", async () => {
  await using daemon = await startDaemon();
  const { crictl, pods, run } = await podsOn(daemon);
  const { pod, container } = await run("forgotten");
  const other = await run("kept");
  const containerd = connectContainerd({
    address: daemon.containerdAddress,
    namespace: "k8s.io",
  });
  for (const id of [container, pod]) await containerd.containers.delete(id);
  containerd.close();
  assert.equal((await daemon.network.leases()).length, 2);
  await powerOff(daemon);
  await daemon.start();
  assert.equal((await daemon.network.leases()).length, 1);
  assert.deepEqual(
    (await crictl.json("pods")).items.map(({ id }: { id: string }) => id),
    [other.pod],
  );
  await pods.removeAll();
  assert.deepEqual(await daemon.network.leases(), []);
});

Deno.test("a pod that has lost its route is named in the log when the daemon starts", async () => {
  await using daemon = await startDaemon();
  const { crictl, pods, run } = await podsOn(daemon);
  const { container } = await run("cut");
  await run("whole");
  const { info } = await crictl.json("inspect", container);
  const flags = ["--net", `--target=${info.pid}`, "ip", "route", "delete", "default"];
  const { success } = await new Deno.Command("nsenter", { args: flags }).output();
  assert.ok(success);
  await daemon.stop();
  await daemon.start();
  await eventually(
    "the warning",
    async () => /Pod default\/cut may have no network any more/.test(await daemon.log()),
  );
  assert.doesNotMatch(await daemon.log(), /Pod default\/whole may have no network/);
  assert.equal((await crictl.json("pods", "--state", "ready")).items.length, 2);
  await pods.removeAll();
  await assertNothingLeft(daemon);
});
