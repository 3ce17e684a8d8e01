import assert from "node:assert/strict";
import { containerRecord, sandboxRecord } from "../../tests/fakes/records.ts";
import { ContainerEventResponse, ContainerEventType, PodSandboxState } from "../gen/cri/v1/api.ts";
import { ContainerStore } from "../state/containers.ts";
import type { Encoded } from "../state/encoded.ts";
import { SandboxStore } from "../state/sandboxes.ts";
import { ContainerEvents } from "./container_events.ts";

function node(maxWaiting = 100) {
  let now = 0n;
  const stopping = new AbortController();
  const deps = {
    sandboxes: new SandboxStore(),
    containers: new ContainerStore(),
    images: { find: () => undefined },
    nowNs: () => ++now,
  };
  return { ...deps, stopping, events: new ContainerEvents(deps, stopping.signal, maxWaiting) };
}

const { signal } = new AbortController();
const POD = sandboxRecord("web");
const CONTAINER = containerRecord(POD, "main");
const EXITED = {
  kind: "exited",
  startedAtNs: 3n,
  finishedAtNs: 4n,
  exitCode: 1,
  reason: "Error",
  message: "",
} as const;

/** A pod's whole life, by the changes that its verbs make to the stores. */
function live({ sandboxes, containers }: ReturnType<typeof node>): void {
  sandboxes.add({ ...POD, state: { kind: "pending" } });
  sandboxes.update(POD.id, { state: POD.state });
  containers.add({ ...CONTAINER, state: { kind: "created" } });
  containers.update(CONTAINER.id, { state: CONTAINER.state });
  containers.update(CONTAINER.id, { state: EXITED });
  sandboxes.update(POD.id, { state: { kind: "notReady", released: false } });
  sandboxes.update(POD.id, { state: { kind: "notReady", released: true } });
  containers.delete(CONTAINER.id);
  sandboxes.delete(POD.id);
}

async function take(events: AsyncIterable<Encoded>, count: number) {
  const taken: ContainerEventResponse[] = [];
  for await (const { parts: [bytes = new Uint8Array()] } of events) {
    taken.push(ContainerEventResponse.decode(bytes));
    if (taken.length === count) break;
  }
  return taken;
}

const told = (event: ContainerEventResponse) =>
  `${event.containerId} ${ContainerEventType[event.containerEventType]}`;

const LIFE = [
  "pod-web CONTAINER_CREATED_EVENT",
  "pod-web CONTAINER_STARTED_EVENT",
  "web-main CONTAINER_CREATED_EVENT",
  "web-main CONTAINER_STARTED_EVENT",
  "web-main CONTAINER_STOPPED_EVENT",
  "pod-web CONTAINER_STOPPED_EVENT",
  "web-main CONTAINER_DELETED_EVENT",
  "pod-web CONTAINER_DELETED_EVENT",
];

Deno.test("ContainerEvents tells every subscriber a pod's life in order", async () => {
  const world = node();
  const subscribers = [world.events.subscribe(signal), world.events.subscribe(signal)];
  live(world);
  for (const subscriber of subscribers) {
    const events = await take(subscriber, LIFE.length);
    assert.deepEqual(events.map(told), LIFE);
    const times = events.map((event) => event.createdAt);
    assert.deepEqual(times, times.toSorted((a, b) => Number(a - b)));
  }
  assert.deepEqual(world.events.load, { subscribers: 0, waiting: 0 });
});

Deno.test("an event carries the pod and its containers as they were when it happened", async () => {
  const world = node();
  const subscriber = world.events.subscribe(signal);
  live(world);
  const events = await take(subscriber, LIFE.length);
  const pods = events.map((event) => event.podSandboxStatus);
  assert.ok(pods.every((pod) => pod?.metadata?.uid === "uid-web"), "the last too, of a pod gone");
  const { SANDBOX_READY, SANDBOX_NOTREADY } = PodSandboxState;
  assert.deepEqual(pods.map((pod) => pod?.state), [
    ...Array(5).fill(SANDBOX_READY),
    ...Array(3).fill(SANDBOX_NOTREADY),
  ]);
  const exitCodes = events.map((event) => event.containersStatuses.map((one) => one.exitCode));
  assert.deepEqual(exitCodes, [[], [], [0], [0], [1], [1], [], []]);
});

Deno.test("a pod that could not be run tells nothing, unless some of it is left", async () => {
  const world = node();
  const subscriber = world.events.subscribe(signal);
  world.sandboxes.add({ ...POD, state: { kind: "pending" } });
  world.sandboxes.delete(POD.id);
  world.sandboxes.add({ ...POD, state: { kind: "pending" } });
  world.sandboxes.update(POD.id, { state: { kind: "notReady", released: false } });
  const events = await take(subscriber, 2);
  assert.deepEqual(events.map(told), [
    "pod-web CONTAINER_CREATED_EVENT",
    "pod-web CONTAINER_STOPPED_EVENT",
  ]);
});

Deno.test("a container whose shim answers again after a silence has not started anew", async () => {
  const world = node();
  world.sandboxes.add(POD);
  world.containers.add({ ...CONTAINER, state: { kind: "unknown", startedAtNs: 3n } });
  const subscriber = world.events.subscribe(signal);
  world.containers.update(CONTAINER.id, { state: CONTAINER.state });
  world.containers.delete(CONTAINER.id);
  assert.deepEqual((await take(subscriber, 1)).map(told), ["web-main CONTAINER_DELETED_EVENT"]);
});

Deno.test("a slow subscriber is cut off, and others miss nothing", async () => {
  const world = node(LIFE.length - 1);
  const slow = world.events.subscribe(signal);
  const quick = take(world.events.subscribe(signal), LIFE.length);
  live(world);
  assert.deepEqual(world.events.load, { subscribers: 1, waiting: LIFE.length - 1 });
  await assert.rejects(take(slow, 1), { kind: "resourceExhausted" });
  assert.deepEqual((await quick).map(told), LIFE);
});

Deno.test("subscribers that leave and a daemon that stops end the streams", async () => {
  const world = node();
  const leaving = new AbortController();
  const left = take(world.events.subscribe(leaving.signal), 1);
  leaving.abort();
  assert.deepEqual(await left, []);
  const open = take(world.events.subscribe(signal), 1);
  world.stopping.abort();
  await assert.rejects(open, { kind: "unavailable" });
  assert.deepEqual(world.events.load, { subscribers: 0, waiting: 0 });
});
