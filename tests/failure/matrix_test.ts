/**
 * The failure matrix: RunPodSandbox, CreateContainer and StartContainer with every call that they
 * make failing before and after its work, every undo failing as well, the caller going away, and the
 * daemon dying there. Afterwards nothing is left, or it is listed and Remove clears it.
 */
import assert from "node:assert/strict";
import { CriError } from "../../src/base/errors.ts";
import type { SandboxId } from "../../src/base/id.ts";
import { createContainer } from "../../src/containers/create.ts";
import { startContainer } from "../../src/containers/start.ts";
import {
  CreateContainerRequest,
  NamespaceMode,
  RunPodSandboxRequest,
} from "../../src/gen/cri/v1/api.ts";
import { removePodSandbox } from "../../src/pods/remove.ts";
import { runPodSandbox } from "../../src/pods/run.ts";
import { assertReady, startEnded } from "../../src/state/sandboxes.ts";
import { eventually } from "../world/delay.ts";
import { Daemon, type Deps, type Disturbance, Node, type Point } from "./node.ts";

const RUN = RunPodSandboxRequest.fromPartial({
  config: {
    metadata: { name: "web", namespace: "shop", uid: "u1" },
    logDirectory: "/var/log/pods/web",
  },
});

const RUN_WITH_USERS = RunPodSandboxRequest.fromPartial({
  config: {
    metadata: { name: "mapped", namespace: "shop", uid: "u2" },
    linux: {
      securityContext: {
        namespaceOptions: {
          usernsOptions: {
            mode: NamespaceMode.POD,
            uids: [{ hostId: 65536, containerId: 0, length: 65536 }],
            gids: [{ hostId: 65536, containerId: 0, length: 65536 }],
          },
        },
      },
    },
  },
});

interface Verb {
  readonly name: string;
  /** Brings the node to where the verb begins; gives the verb. */
  prepare(deps: Deps): Promise<(signal: AbortSignal) => Promise<unknown>>;
}

const never = new AbortController().signal;

/** RunPodSandbox to the end of what it leaves to be done, as the start of a container waits for it. */
async function runAndStart(
  deps: Deps,
  request: RunPodSandboxRequest,
  signal: AbortSignal,
): Promise<SandboxId> {
  const id = await runPodSandbox(deps, request, signal);
  await startEnded(deps, id);
  assertReady(deps.sandboxes.get(id));
  return id;
}

function createRequest(podSandboxId: string): CreateContainerRequest {
  return CreateContainerRequest.fromPartial({
    podSandboxId,
    config: {
      metadata: { name: "c" },
      image: { image: "app" },
      command: ["/app"],
      logPath: "c.log",
      mounts: [
        { containerPath: "/host", hostPath: "/srv/data", selinuxRelabel: true },
        { containerPath: "/image", image: { image: "app" } },
      ],
    },
  });
}

const VERBS: Verb[] = [
  {
    name: "RunPodSandbox",
    prepare: (deps) => Promise.resolve((signal) => runAndStart(deps, RUN, signal)),
  },
  {
    name: "RunPodSandbox in a user namespace",
    prepare: (deps) => Promise.resolve((signal) => runAndStart(deps, RUN_WITH_USERS, signal)),
  },
  {
    name: "CreateContainer",
    prepare: async (deps) => {
      const pod = await runAndStart(deps, RUN, never);
      return (signal) => createContainer(deps, createRequest(pod), signal);
    },
  },
  {
    name: "StartContainer",
    prepare: async (deps) => {
      const pod = await runAndStart(deps, RUN, never);
      const container = await createContainer(deps, createRequest(pod), never);
      return (signal) => startContainer(deps, container, signal);
    },
  },
];

type When = "before" | "after";

/** The calls of a verb when nothing goes wrong, by the order in which they are made. */
async function callsOf(verb: Verb): Promise<Point[]> {
  using node = new Node();
  const daemon = new Daemon(node);
  const run = await verb.prepare(daemon.deps);
  daemon.points.length = 0;
  await run(never);
  return [...daemon.points];
}

/** Once, at the call with this index. */
function at(index: number, when: When, happens: () => void): Disturbance {
  return { [when]: (point: Point) => point.index === index ? happens() : undefined };
}

function broken(): never {
  throw new CriError("internal", "broken by the test");
}

/** Runs the verb with a disturbance and looks at what the kubelet's clean-up leaves. */
async function disturbed(
  verb: Verb,
  disturb: (daemon: Daemon, caller: AbortController) => Disturbance,
): Promise<{ error: unknown; node: Node; daemon: Daemon }> {
  const node = new Node();
  const daemon = new Daemon(node);
  const run = await verb.prepare(daemon.deps);
  daemon.points.length = 0;
  const caller = new AbortController();
  daemon.disturbance = disturb(daemon, caller);
  let error: unknown;
  try {
    await run(caller.signal);
  } catch (caught) {
    error = caught;
  }
  daemon.disturbance = {};
  return { error, node, daemon };
}

/** What the kubelet does with every pod that it is shown. */
async function cleanUp({ deps }: Daemon): Promise<void> {
  for (const { id, state } of [...deps.sandboxes.values()]) {
    assert.notEqual(state.kind, "pending", "a pod that nobody makes any more is not pending");
    await removePodSandbox(deps, id, never);
  }
}

async function assertNothingLeft(node: Node, daemon: Daemon): Promise<void> {
  await cleanUp(daemon);
  assert.deepEqual(node.leftovers(), []);
  assert.equal(daemon.deps.sandboxes.size, 0);
  assert.equal(daemon.deps.containers.size, 0);
  assert.equal(daemon.deps.selinux?.levels.size, 0);
  // Every name is free again.
  await runPodSandbox(daemon.deps, RUN, never);
  await cleanUp(daemon);
}

for (const verb of VERBS) {
  const calls = await callsOf(verb);
  for (const { index, name } of calls) {
    for (const when of ["before", "after"] as const) {
      const place = `${when} call ${index} (${name})`;

      Deno.test(`${verb.name} leaves nothing when it fails ${place}`, async () => {
        const { error, node, daemon } = await disturbed(verb, () => at(index, when, broken));
        using _ = node;
        assert.ok(error instanceof CriError, "the caller is told");
        assert.deepEqual(error.leftovers, []);
        if (name === "tasks.start" && verb.name.startsWith("RunPodSandbox")) {
          // The caller was told already that there is a pod.
          for (const { state } of daemon.deps.sandboxes.values()) {
            assert.equal(state.kind, "notReady");
          }
          assert.match(error.message, /the pod is not ready: .*broken by the test/);
        } else if (verb.name.startsWith("RunPodSandbox")) assert.deepEqual(node.leftovers(), []);
        await assertNothingLeft(node, daemon);
      });

      Deno.test(`${verb.name} leaves nothing when its caller goes away ${place}`, async () => {
        const { node, daemon } = await disturbed(verb, (_daemon, caller) =>
          at(index, when, () => {
            caller.abort(new DOMException("gone", "AbortError"));
          }));
        using _ = node;
        await assertSettled(daemon);
        await assertNothingLeft(node, daemon);
      });

      Deno.test(`${verb.name} leaves nothing when the daemon dies ${place}`, async () => {
        const { node } = await disturbed(verb, (daemon) =>
          at(index, when, () => {
            daemon.isDead = true;
          }));
        using _ = node;
        const next = new Daemon(node);
        await next.recover();
        await assertNothingLeft(node, next);
      });
    }
    undoFailures(verb, index, name);
  }
}

/** The work goes on for a moment after its caller has left: until its undo has run. */
async function assertSettled({ deps }: Daemon): Promise<void> {
  const { podFlights, containerFlights } = deps;
  await eventually("the work to end", () => podFlights.size === 0 && containerFlights.size === 0);
  // StartContainer is no flight: whoever works on a container holds its lock.
  for (const { id } of deps.containers.values()) {
    await deps.containerLocks.run(id, never, () => Promise.resolve());
  }
}

/** The verb fails at one call, and then each of the calls of its undo fails too. */
function undoFailures(verb: Verb, index: number, name: string): void {
  Deno.test(`${verb.name} shows what an undo left when call ${index} (${name}) failed`, async () => {
    const failing = (also: number) => () => ({
      after: (point: Point) => {
        if (point.index === index || point.index === also) broken();
      },
    });
    const plain = await disturbed(verb, failing(-1));
    using _ = plain.node;
    for (let also = index + 1; also < plain.daemon.points.length; also++) {
      const { error, node, daemon } = await disturbed(verb, failing(also));
      using _ = node;
      assert.ok(error instanceof CriError);
      if (node.leftovers().length > 0) {
        assert.ok(daemon.deps.sandboxes.size > 0, "what is left is listed");
      }
      await assertNothingLeft(node, daemon);
    }
  });
}

Deno.test("CreateContainer says once what it can't do in a pod that stops meanwhile, and why", async () => {
  const verb = VERBS.find(({ name }) => name === "CreateContainer");
  assert.ok(verb !== undefined);
  const { error, node, daemon } = await disturbed(verb, ({ deps }) => ({
    after: ({ name }) => {
      if (name !== "snapshots.prepare") return;
      const [pod] = deps.sandboxes.values();
      const state = { kind: "notReady", released: false, reason: "its process ended" } as const;
      if (pod !== undefined) deps.sandboxes.update(pod.id, { state });
    },
  }));
  using _ = node;
  assert.ok(error instanceof CriError);
  assert.equal(error.kind, "failedPrecondition");
  const text =
    /^Cannot create container c \(\w+\) in pod shop\/web \(\w+\): the pod is not ready: its process ended$/;
  assert.match(error.message, text);
  await assertNothingLeft(node, daemon);
});
