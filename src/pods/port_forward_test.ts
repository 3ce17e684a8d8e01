import assert from "node:assert/strict";
import { FakeSessions } from "../../tests/fakes/sessions.ts";
import { settle } from "../../tests/fakes/running_container.ts";
import { CriError } from "../base/errors.ts";
import type { SandboxId } from "../base/id.ts";
import { PodSandboxConfig, PortForwardRequest } from "../gen/cri/v1/api.ts";
import { type Sandbox, SandboxStore } from "../state/sandboxes.ts";
import type { SandboxState } from "../state/status.ts";
import { portForward } from "./port_forward.ts";

const ID = "p1" as SandboxId;

function pod(state: SandboxState, netnsPath: string): Sandbox {
  return {
    id: ID,
    metadata: {
      id: ID,
      name: "web",
      config: PodSandboxConfig.fromPartial({}),
      netnsPath,
      ips: [],
      runtimeHandler: "",
      cniResult: undefined,
      processLabel: "",
    },
    createdAtNs: 0n,
    state,
    runtimeType: "io.containerd.runc.v2",
    snapshotter: "overlayfs",
    leftovers: [],
  };
}

function setUp({ state = { kind: "ready", pid: 1 }, netnsPath = "/netns/p1" }: {
  state?: SandboxState;
  netnsPath?: string;
} = {}) {
  const sandboxes = new SandboxStore();
  sandboxes.add(pod(state, netnsPath));
  const streams = new FakeSessions();
  const entered: string[] = [];
  const closed: string[] = [];
  let made = 1;
  const linux = {
    socketsIn: (path: string) => {
      entered.push(path);
      if (path.includes("gone")) throw new CriError("notFound", "no such namespace");
      return [10, 11] as const;
    },
    socketName: (fd: number) => `socket:[${fd * made++}]`,
    closeSockets: (names: ReadonlySet<string>) => void closed.push(...names),
  };
  const stopping = new AbortController();
  const deps = { sandboxes, streams, linux, stopping: stopping.signal };
  const ask = async () => {
    const request = PortForwardRequest.fromPartial({ podSandboxId: ID });
    await portForward(deps, request, new AbortController().signal);
    const session = streams.sessions.at(-1);
    assert(session !== undefined);
    return session;
  };
  return { sandboxes, streams, entered, closed, stopping, ask };
}

Deno.test("portForward() makes the sockets of each connection in the pod's network", async () => {
  const { streams, entered, ask } = setUp();
  const session = await ask();
  assert.deepEqual(entered, []);
  session.tell({ kind: "connect", connectionId: 1, port: 80 });
  session.tell({ kind: "connect", connectionId: 2, port: 80 });
  await settle();
  assert.deepEqual(entered, ["/netns/p1", "/netns/p1"]);
  assert.deepEqual(streams.sockets, [[10, 11], [10, 11]]);
  session.leave();
});

Deno.test("portForward() stays on the node's network for a pod that has no other", async () => {
  const { entered, ask } = setUp({ netnsPath: "" });
  const session = await ask();
  session.tell({ kind: "connect", connectionId: 1, port: 80 });
  await settle();
  assert.deepEqual(entered, [""]);
  session.leave();
});

Deno.test("portForward() tells a connection why it can't be, and goes on", async () => {
  const { streams, ask } = setUp({ netnsPath: "/netns/gone" });
  const session = await ask();
  session.tell({ kind: "connect", connectionId: 1, port: 80 });
  await settle();
  assert.deepEqual(streams.told, ["refused: no such namespace"]);
  session.leave();
});

Deno.test("portForward() makes no socket for a pod that has stopped meanwhile", async () => {
  const { sandboxes, streams, entered, ask } = setUp();
  const session = await ask();
  sandboxes.update(ID, { state: { kind: "notReady", released: true } });
  session.tell({ kind: "connect", connectionId: 1, port: 80 });
  await settle();
  assert.deepEqual(entered, []);
  assert.match(streams.told[0] ?? "", /^refused: .*not ready/);
  session.leave();
});

Deno.test("portForward() refuses a pod that isn't ready", async () => {
  const { ask } = setUp({ state: { kind: "notReady", released: false } });
  await assert.rejects(ask(), { kind: "failedPrecondition" });
});

Deno.test("portForward() closes the sockets of a compartment that died, and no closed ones", async () => {
  const { closed, ask } = setUp();
  const session = await ask();
  for (const connectionId of [1, 2]) session.tell({ kind: "connect", connectionId, port: 80 });
  await settle();
  session.tell({ kind: "closed", connectionId: 1 });
  session.fail(new CriError("unavailable", "Compartment io was restarted"));
  await settle();
  assert.deepEqual(closed, ["socket:[30]", "socket:[44]"]);
});

for (const how of ["its client leaves", "it is cancelled", "the daemon stops"]) {
  Deno.test(`portForward() leaves the sockets to the other compartment when ${how}`, async () => {
    const { closed, stopping, ask } = setUp();
    const session = await ask();
    session.tell({ kind: "connect", connectionId: 1, port: 80 });
    await settle();
    if (how === "its client leaves") session.leave();
    else if (how === "it is cancelled") session.fail(new CriError("cancelled", "given up"));
    else {
      stopping.abort();
      session.fail(new CriError("unavailable", "The channel was closed"));
    }
    await settle();
    assert.deepEqual(closed, []);
  });
}
