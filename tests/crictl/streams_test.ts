/** The lists in their streaming form: the same entries as the lists, in messages that stay small. */
import assert from "node:assert/strict";
import { CriClient } from "../../src/cri/client.ts";
import { RuntimeServiceDefinition } from "../../src/gen/cri/v1/api.ts";
import { crictlOf } from "../world/crictl.ts";
import { startDaemon } from "../world/daemon.ts";
import { assertNothingLeft } from "../world/leftovers.ts";
import { busyboxRegistry, containerConfig, podConfig, Pods } from "../world/requests.ts";

const { methods } = RuntimeServiceDefinition;
const NAMES = ["a", "b", "c"];
/** Two of those don't fit in one message. */
const annotations = { long: "x".repeat(150_000) };

Deno.test("streams have what the lists have, however much it is", async () => {
  await using daemon = await startDaemon();
  await using busybox = await busyboxRegistry();
  const crictl = crictlOf(daemon);
  const pods = new Pods(crictl, daemon);
  await crictl("pull", busybox.image);
  using client = new CriClient(daemon.listen);
  const { signal } = new AbortController();
  try {
    for (const name of NAMES) {
      const pod = await pods.run(name, { annotations });
      const container = await pods.create(pod, {
        pod: podConfig(daemon, name, { annotations }),
        container: containerConfig("main", busybox.image, { annotations }),
      });
      await crictl("start", container);
    }
    const filter = undefined;
    const listed = await client.call(methods.listPodSandbox, { filter });
    const streamed = await Array.fromAsync(
      client.stream(methods.streamPodSandboxes, { filter }, signal),
    );
    assert.deepEqual(streamed.map(({ podSandboxes }) => podSandboxes.length), [1, 1, 1]);
    assert.deepEqual(streamed.flatMap(({ podSandboxes }) => podSandboxes), listed.items);
    const { containers } = await client.call(methods.listContainers, { filter });
    const parts = await Array.fromAsync(
      client.stream(methods.streamContainers, { filter }, signal),
    );
    assert.deepEqual(parts.map((part) => part.containers.length), [1, 1, 1]);
    assert.deepEqual(parts.flatMap((part) => part.containers), containers);
    const ids = containers.map(({ id }) => id);
    const stats = await Array.fromAsync(
      client.stream(methods.streamContainerStats, { filter }, signal),
    );
    assert.deepEqual(
      stats.flatMap((part) => part.containerStats.map(({ attributes }) => attributes?.id)),
      ids,
    );
    const podStats = await Array.fromAsync(
      client.stream(methods.streamPodSandboxStats, { filter }, signal),
    );
    assert.deepEqual(
      podStats.flatMap((part) =>
        part.podSandboxStats.map(({ linux }) => linux?.containers[0]?.attributes?.id)
      ),
      ids,
    );
    const metrics = await Array.fromAsync(
      client.stream(methods.streamPodSandboxMetrics, {}, signal),
    );
    assert.deepEqual(
      metrics.flatMap((part) =>
        part.podSandboxMetrics.map(({ containerMetrics }) => containerMetrics[0]?.containerId)
      ),
      ids,
    );
  } finally {
    await pods.removeAll();
  }
  await assertNothingLeft(daemon);
});
