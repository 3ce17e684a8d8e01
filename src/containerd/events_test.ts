import assert from "node:assert/strict";
import { TaskExit } from "../gen/containerd/events/task.ts";
import { decodeEvent, inNamespace } from "./events.ts";

const common = { timestamp: { seconds: 2n, nanos: 5 }, namespace: "n", topic: "/tasks/exit" };

function exit(id: string) {
  const exitedAt = { seconds: 1n, nanos: 1 };
  const value = TaskExit.encode({ containerId: "c", id, pid: 7, exitStatus: 3, exitedAt }).finish();
  return { ...common, event: { typeUrl: "containerd.events.TaskExit", value } };
}

Deno.test("decodeEvent() tells the container's own exit by an empty exec id", () => {
  assert.deepEqual(decodeEvent(exit("c")), {
    kind: "taskExit",
    topic: "/tasks/exit",
    atNs: 2_000_000_005n,
    containerId: "c",
    execId: "",
    pid: 7,
    exitCode: 3,
    exitedAtNs: 1_000_000_001n,
  });
});

Deno.test("decodeEvent() tells an exec's exit by its id", () => {
  const event = decodeEvent(exit("e"));
  assert.ok(event.kind === "taskExit" && event.execId === "e");
});

Deno.test("decodeEvent() takes type URLs with a host", () => {
  const { event } = exit("c");
  const typeUrl = `type.googleapis.com/${event.typeUrl}`;
  assert.equal(decodeEvent({ ...common, event: { ...event, typeUrl } }).kind, "taskExit");
});

for (
  const [name, event] of [
    ["no event", undefined],
    ["an unknown type", { typeUrl: "a.b.C", value: new Uint8Array(0) }],
    ["broken bytes", { typeUrl: "containerd.events.TaskExit", value: Uint8Array.of(10, 99) }],
  ] as const
) {
  Deno.test(`decodeEvent() makes other of ${name}`, () => {
    const expected = { kind: "other", topic: "/tasks/exit", atNs: 2_000_000_005n };
    assert.deepEqual(decodeEvent({ ...common, event }), expected);
  });
}

Deno.test("inNamespace() narrows every filter", () => {
  assert.deepEqual(inNamespace([], "k8s.io"), ['namespace=="k8s.io"']);
  assert.deepEqual(inNamespace(["a==1", "b==2"], "n"), [
    'a==1,namespace=="n"',
    'b==2,namespace=="n"',
  ]);
});
