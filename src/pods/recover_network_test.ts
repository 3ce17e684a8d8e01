import assert from "node:assert/strict";
import { FakeCni } from "../../tests/fakes/cni.ts";
import { sandboxRecord } from "../../tests/fakes/records.ts";
import { CriError } from "../base/errors.ts";
import { type Sandbox, SandboxStore } from "../state/sandboxes.ts";
import { attachment } from "./network.ts";
import { checkNetworks, releaseStaleNetworks } from "./recover_network.ts";

const never = new AbortController().signal;

const NOT_READY = { state: { kind: "notReady", released: false } } as const;

/** A network with these pods attached, and a store that knows some of them. */
async function world(attached: Sandbox[], known: Sandbox[]) {
  const network = new FakeCni();
  for (const { metadata } of attached) await network.attach(attachment(metadata), never);
  network.calls.length = 0;
  const sandboxes = new SandboxStore();
  for (const pod of known) sandboxes.add(pod);
  return { network, sandboxes };
}

Deno.test("releaseStaleNetworks() keeps pods that are known, ready or not, and those set aside", async () => {
  const [ready, ended, broken, gone] = [
    sandboxRecord("ready"),
    sandboxRecord("ended", NOT_READY),
    sandboxRecord("broken"),
    sandboxRecord("gone"),
  ];
  const deps = await world([ready, ended, broken, gone], [ready, ended]);
  await releaseStaleNetworks(deps, [broken.id], never);
  assert.deepEqual([...deps.network.attachments.keys()], [ready.id, ended.id, broken.id]);
});

Deno.test("releaseStaleNetworks() lets the daemon start when a plugin fails", async () => {
  const deps = await world([], []);
  deps.network.before = () => {
    throw new CriError("internal", "no");
  };
  await releaseStaleNetworks(deps, [], never);
  assert.deepEqual(deps.network.calls, ["gc"]);
});

Deno.test("checkNetworks() asks for ready pods with a network of their own, all of them", async () => {
  const host = sandboxRecord("host");
  const pods = [
    sandboxRecord("cut"),
    sandboxRecord("ended", NOT_READY),
    { ...host, metadata: { ...host.metadata, netnsPath: "" } },
    sandboxRecord("whole"),
  ];
  const deps = await world(pods.slice(3), pods);
  await checkNetworks(deps, never);
  assert.deepEqual(deps.network.calls, ["check pod-cut", "check pod-whole"]);
});
