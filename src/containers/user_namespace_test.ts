import assert from "node:assert/strict";
import { podConfig, USERNS } from "../../tests/fixtures/oci/requests.ts";
import { RUNC } from "../../tests/fixtures/runtime.ts";
import { runcOptions, withIoOwner } from "../containerd/runtime_options.ts";
import { recordedRuntime, snapshotLabels } from "./user_namespace.ts";

const RUNTIME = { ...RUNC, options: runcOptions({ systemdCgroup: true }) };

const mapped = podConfig({ securityContext: { namespaceOptions: { usernsOptions: USERNS } } });
const range = USERNS.uids[0];

Deno.test("snapshotLabels() ask for owners of the pod's user namespace", () => {
  assert.deepEqual(Object.fromEntries(snapshotLabels(mapped)), {
    "containerd.io/snapshot/uidmapping": `0:${range?.hostId}:${range?.length}`,
    "containerd.io/snapshot/gidmapping": `0:${USERNS.gids[0]?.hostId}:${range?.length}`,
  });
});

Deno.test("snapshotLabels() ask for nothing in the node's user namespace", () => {
  assert.equal(snapshotLabels(podConfig()).size, 0);
});

Deno.test("recordedRuntime() gives the pipes to the pod's root", () => {
  const { name, options } = recordedRuntime(RUNTIME, mapped);
  assert.equal(name, RUNTIME.type);
  const owner = { uid: range?.hostId ?? 0, gid: USERNS.gids[0]?.hostId ?? 0 };
  assert.deepEqual(options, withIoOwner(runcOptions({ systemdCgroup: true }), owner));
});

Deno.test("recordedRuntime() leaves other runtimes and pods as they are", () => {
  assert.equal(recordedRuntime(RUNTIME, podConfig()).options, RUNTIME.options);
  assert.equal(recordedRuntime({ ...RUNTIME, options: undefined }, mapped).options, undefined);
});
