import assert from "node:assert/strict";
import { Daemon, Node } from "../../tests/failure/node.ts";
import { NamespaceMode, RunPodSandboxRequest } from "../gen/cri/v1/api.ts";
import { runPodSandbox } from "./run.ts";

const mapping = [{ hostId: 65536, containerId: 0, length: 65536 }];
const usernsOptions = { mode: NamespaceMode.POD, uids: mapping, gids: mapping };

const REQUEST = RunPodSandboxRequest.fromPartial({
  config: {
    metadata: { name: "mapped", namespace: "shop", uid: "u1" },
    linux: { securityContext: { namespaceOptions: { usernsOptions } } },
  },
});

const never = new AbortController().signal;

Deno.test("runPodSandbox() pins the network namespace that the runtime made with the user namespace", async () => {
  using node = new Node();
  const daemon = new Daemon(node);
  await runPodSandbox(daemon.deps, REQUEST, never);
  const names = daemon.points.map(({ name }) => name);
  const order = ["tasks.create", "linux.pinNetnsOf", "cni.attach", "tasks.start"];
  assert.deepEqual(names.filter((name) => order.includes(name)), order);
  assert(!names.includes("linux.pinNetns"));
});

Deno.test("runPodSandbox() refuses a user namespace where the node can't make one", () => {
  using node = new Node();
  const { deps } = new Daemon(node);
  const unable = { ...deps, remapsOwners: () => false };
  assert.throws(() => runPodSandbox(unable, REQUEST, never), {
    kind: "failedPrecondition",
    message: "Pods of the runtime runc can't have user namespaces on this node",
  });
  assert.deepEqual(node.leftovers(), []);
});
