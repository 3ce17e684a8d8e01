/** GetContainerEvents of a running daemon: what the kubelet's evented PLEG sees. */
import assert from "node:assert/strict";
import { PodSandboxState } from "../../src/gen/cri/v1/api.ts";
import { eventually } from "../world/delay.ts";
import { EventStream } from "../world/event_stream.ts";
import { containerConfig, podConfig } from "../world/requests.ts";
import { sharedNode } from "../world/shared_node.ts";

const { daemon, crictl, pods, image } = await sharedNode();
await crictl("pull", image);

async function startPod(name: string, command: string[]) {
  const pod = await pods.run(name);
  const container = await pods.create(pod, {
    pod: podConfig(daemon, name),
    container: containerConfig("main", image, { command }),
  });
  await crictl("start", container);
  return { pod, container };
}

Deno.test("every subscriber is told a pod's life in order, with the pod as it was then", async () => {
  using first = await EventStream.open(daemon.listen);
  using second = await EventStream.open(daemon.listen);
  const { pod, container } = await startPod("told", ["sh", "-c", "exit 3"]);
  await eventually("the exit", () => first.told.includes(`STOPPED ${container}`));
  await crictl("rmp", "--force", pod);
  for (const stream of [first, second]) {
    await eventually("the last event", () => stream.received.length >= 8);
    assert.deepEqual(stream.told, [
      `CREATED ${pod}`,
      `STARTED ${pod}`,
      `CREATED ${container}`,
      `STARTED ${container}`,
      `STOPPED ${container}`,
      `STOPPED ${pod}`,
      `DELETED ${container}`,
      `DELETED ${pod}`,
    ]);
    const stopped = stream.received[4];
    assert.equal(stopped?.containersStatuses[0]?.exitCode, 3);
    assert.equal(stopped?.podSandboxStatus?.state, PodSandboxState.SANDBOX_READY);
    assert.equal(stopped?.podSandboxStatus?.metadata?.uid, "uid-told");
    assert.equal(stream.received[7]?.podSandboxStatus?.metadata?.uid, "uid-told");
  }
});

Deno.test("a subscriber that hangs holds neither the calls nor another subscriber", async () => {
  using hanging = await EventStream.open(daemon.listen);
  hanging.pause();
  using other = await EventStream.open(daemon.listen);
  const { pod } = await startPod("quick", ["sleep", "1000"]);
  await crictl("rmp", "--force", pod);
  await eventually("the last event", () => other.told.at(-1) === `DELETED ${pod}`);
  assert.ok(hanging.received.length <= 1, "what there was room for");
});

Deno.test("a pod killed from outside is told as stopped", async () => {
  using stream = await EventStream.open(daemon.listen);
  const { pod, container } = await startPod("killed", ["sleep", "1000"]);
  const { info } = await crictl.json("inspectp", pod);
  Deno.kill(info.pid, "SIGKILL");
  await eventually("the pod's end", () => stream.told.includes(`STOPPED ${pod}`));
  assert.ok(stream.told.includes(`STARTED ${container}`));
  assert.equal(stream.received.at(-1)?.podSandboxStatus?.state, PodSandboxState.SANDBOX_NOTREADY);
});

Deno.test("a daemon that stops ends the streams as unavailable", async () => {
  using stream = await EventStream.open(daemon.listen);
  await daemon.stop();
  assert.equal((await stream.ended).code, 14);
  await daemon.start();
});
