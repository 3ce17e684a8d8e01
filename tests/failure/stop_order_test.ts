/** What waits for what when a pod ends: nobody for the deletion of a task but who depends on it. */
import assert from "node:assert/strict";
import { createContainer } from "../../src/containers/create.ts";
import { removeContainer } from "../../src/containers/remove.ts";
import { startContainer } from "../../src/containers/start.ts";
import { stopContainer } from "../../src/containers/stop.ts";
import { CreateContainerRequest, RunPodSandboxRequest } from "../../src/gen/cri/v1/api.ts";
import { removePodSandbox } from "../../src/pods/remove.ts";
import { runPodSandbox } from "../../src/pods/run.ts";
import { stopPodSandbox } from "../../src/pods/stop.ts";
import { Daemon, type Deps, Node } from "./node.ts";

const never = new AbortController().signal;

/** A stopped container whose task is being deleted until `finish` is called. */
async function stoppedWhileDeleting(deps: Deps) {
  const asked: string[] = [];
  const gate = Promise.withResolvers<void>();
  const { tasks } = deps.containerd;
  const slow: Deps = {
    ...deps,
    containerd: {
      ...deps.containerd,
      tasks: {
        ...tasks,
        delete: async (...args) => {
          asked.push(args[0]);
          if (args[0] === container) await gate.promise;
          return await tasks.delete(...args);
        },
      },
    },
  };
  const pod = await runPodSandbox(
    slow,
    RunPodSandboxRequest.fromPartial({ config: { metadata: { name: "p", namespace: "n" } } }),
    never,
  );
  const container: string = await createContainer(
    slow,
    CreateContainerRequest.fromPartial({
      podSandboxId: pod,
      config: { metadata: { name: "c" }, image: { image: "app" }, command: ["/app"] },
    }),
    never,
  );
  await startContainer(slow, container, never);
  await stopContainer(slow, { idOrPrefix: container, timeoutSeconds: 0n }, never);
  return { deps: slow, pod, container, asked, finish: () => gate.resolve() };
}

/** Lets everything run that waits for nothing. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("stopContainer() answers when the container has ended, not when its task is deleted", async () => {
  using node = new Node();
  const { deps, pod, container, finish } = await stoppedWhileDeleting(new Daemon(node).deps);
  assert.equal(deps.containers.get(container).state.kind, "exited");
  assert(node.world.tasks.has(container), "the task is still being deleted");
  finish();
  await removePodSandbox(deps, pod, never);
  assert.deepEqual(node.leftovers(), []);
});

Deno.test("stopPodSandbox() deletes the pod's own task after those of its containers", async () => {
  using node = new Node();
  const { deps, pod, container, asked, finish } = await stoppedWhileDeleting(
    new Daemon(node).deps,
  );
  const stopping = stopPodSandbox(deps, pod, never);
  await settle();
  assert.deepEqual(asked, [container]);
  finish();
  await stopping;
  assert.deepEqual(asked, [container, pod]);
  await removePodSandbox(deps, pod, never);
  assert.deepEqual(node.leftovers(), []);
});

Deno.test("removeContainer() waits for the deletion under way instead of asking twice at once", async () => {
  using node = new Node();
  const { deps, pod, container, asked, finish } = await stoppedWhileDeleting(
    new Daemon(node).deps,
  );
  const removing = removeContainer(deps, container, never);
  await settle();
  assert.deepEqual(asked, [container]);
  finish();
  await removing;
  assert.deepEqual([...deps.taskDeletions.keys()], []);
  await removePodSandbox(deps, pod, never);
  assert.deepEqual(node.leftovers(), []);
});
