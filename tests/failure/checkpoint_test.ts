/** A checkpoint that a crash or a bad disk cut off or changed: the container is found and removed. */
import assert from "node:assert/strict";
import type { ContainerId, SandboxId } from "../../src/base/id.ts";
import { createContainer } from "../../src/containers/create.ts";
import { startContainer } from "../../src/containers/start.ts";
import { stopContainer } from "../../src/containers/stop.ts";
import { CreateContainerRequest, RunPodSandboxRequest } from "../../src/gen/cri/v1/api.ts";
import { removePodSandbox } from "../../src/pods/remove.ts";
import { runPodSandbox } from "../../src/pods/run.ts";
import { Daemon, Node } from "./node.ts";

const never = new AbortController().signal;

async function runOne(deps: Daemon["deps"]): Promise<{ pod: SandboxId; id: ContainerId }> {
  const metadata = { name: "p", namespace: "n", uid: "u" };
  const request = RunPodSandboxRequest.fromPartial({ config: { metadata } });
  const pod = await runPodSandbox(deps, request, never);
  const id = await createContainer(
    deps,
    CreateContainerRequest.fromPartial({
      podSandboxId: pod,
      config: { metadata: { name: "c" }, image: { image: "app" }, command: ["/app"] },
    }),
    never,
  );
  await startContainer(deps, id, never);
  return { pod, id };
}

Deno.test("what belongs to records that can't be read stays where it is", async () => {
  using node = new Node();
  const { pod, id } = await runOne(new Daemon(node).deps);
  for (const record of node.world.containers.values()) {
    node.world.containers.set(record.id, { ...record, extensions: new Map() });
  }
  await new Daemon(node).recover();
  for (const path of [`root/sandboxes/${pod}`, `state/sandboxes/${pod}`, `root/containers/${id}`]) {
    assert.ok((await Deno.stat(`${node.dir}/${path}`)).isDirectory, path);
  }
  assert.equal(node.mounts.size, 1);
});

/** Each way to cut it, and each byte as another one. */
function* damaged(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at++) {
    yield bytes.slice(0, at);
    for (const byte of [0, 0xff, 0x22, 0x39]) yield bytes.with(at, byte);
  }
}

for (const isStopped of [false, true]) {
  const name = isStopped ? "an exited" : "a running";
  Deno.test(`${name} container is found again whatever byte of its checkpoint is lost or wrong`, async () => {
    using node = new Node();
    const { deps } = new Daemon(node);
    const { pod, id } = await runOne(deps);
    if (isStopped) await stopContainer(deps, { idOrPrefix: id, timeoutSeconds: 0n }, never);
    const file = `${node.dir}/root/containers/${id}/status`;
    const good = await Deno.readFile(file);
    let daemon = new Daemon(node);
    let tried = 0;
    for (const bad of damaged(good)) {
      await Deno.writeFile(file, bad);
      daemon = new Daemon(node);
      await daemon.recover();
      const state = daemon.deps.containers.find(id)?.state.kind;
      // What runs is known by its task; what doesn't is over, one way or another.
      if (isStopped) assert.notEqual(state, undefined);
      else assert.equal(state, "running");
      tried++;
    }
    assert.equal(tried, good.length * 5);
    await removePodSandbox(daemon.deps, pod, never);
    assert.deepEqual(node.leftovers(), []);
  });
}
