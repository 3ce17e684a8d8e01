/** An older daemon finds what a newer one has written in another form: it leaves all of it alone. */
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

async function runOne({ deps }: Daemon): Promise<{ pod: SandboxId; id: ContainerId }> {
  const metadata = { name: "p", namespace: "n", uid: "u" };
  const request = RunPodSandboxRequest.fromPartial({ config: { metadata } });
  const pod = await runPodSandbox(deps, request, never);
  const create = CreateContainerRequest.fromPartial({
    podSandboxId: pod,
    config: { metadata: { name: "c" }, image: { image: "app" }, command: ["/app"] },
  });
  const id = await createContainer(deps, create, never);
  await startContainer(deps, id, never);
  return { pod, id };
}

/** Gives all records of pods and containers one form in place of another. */
function rewrite({ world }: Node, from: string, to: string): void {
  for (const record of world.containers.values()) {
    const extensions = new Map([...record.extensions].map(([name, any]) => {
      const text = new TextDecoder().decode(any.value);
      assert.ok(text.startsWith(`{"Version":"${from}"`), text.slice(0, 40));
      const value = new TextEncoder().encode(text.replace(`"${from}"`, `"${to}"`));
      return [name, { ...any, value }] as const;
    }));
    world.containers.set(record.id, { ...record, extensions });
  }
}

Deno.test("pods that a newer daemon recorded run on under an older one, and the newer has them again", async () => {
  using node = new Node();
  const { pod, id } = await runOne(new Daemon(node));
  rewrite(node, "v1", "v2");
  const before = {
    records: structuredClone([...node.world.containers]),
    leftovers: node.leftovers(),
  };
  const older = new Daemon(node);
  await older.recover();
  assert.equal(older.deps.sandboxes.find(pod), undefined);
  assert.equal(older.deps.containers.find(id), undefined);
  assert.deepEqual([...node.world.containers], before.records);
  assert.deepEqual(node.leftovers(), before.leftovers);

  rewrite(node, "v2", "v1");
  const newer = new Daemon(node);
  await newer.recover();
  assert.equal(newer.deps.sandboxes.find(pod)?.state.kind, "ready");
  assert.equal(newer.deps.containers.find(id)?.state.kind, "running");
  await removePodSandbox(newer.deps, pod, never);
  assert.deepEqual(node.leftovers(), []);
});

Deno.test("the checkpoint of an ended container stays in its newer form, and says how it ended later", async () => {
  using node = new Node();
  const first = new Daemon(node);
  const { pod, id } = await runOne(first);
  await stopContainer(first.deps, { idOrPrefix: id, timeoutSeconds: 0n }, never);
  const ended = first.deps.containers.find(id)?.state;
  assert.equal(ended?.kind, "exited");
  const file = `${node.dir}/root/containers/${id}/status`;
  const good = await Deno.readTextFile(file);
  const newer = good.replace('"Version":"v1"', '"Version":"v2"');
  assert.notEqual(newer, good);
  await Deno.writeTextFile(file, newer);
  const older = new Daemon(node);
  await older.recover();
  assert.equal(older.deps.containers.find(id)?.state.kind, "exited");
  assert.equal(await Deno.readTextFile(file), newer);

  await Deno.writeTextFile(file, good);
  const again = new Daemon(node);
  await again.recover();
  assert.deepEqual(again.deps.containers.find(id)?.state, ended);
  await removePodSandbox(again.deps, pod, never);
  assert.deepEqual(node.leftovers(), []);
});
