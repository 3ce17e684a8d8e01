/** The containerd adapter against a real containerd with runc; needs root and busybox-static. */
import assert from "node:assert/strict";
import { isKind } from "../../src/base/errors.ts";
import { connectContainerd, type Containerd } from "../../src/containerd/client.ts";
import type { Mount } from "../../src/containerd/mount.ts";
import { runcOptions } from "../../src/containerd/runtime_options.ts";
import {
  jsonAny,
  PROCESS_TYPE_URL,
  RESOURCES_TYPE_URL,
  SPEC_TYPE_URL,
} from "../../src/containerd/types.ts";
import { BLOBS } from "../suites/containerd_blobs.ts";
import { PROCESSES } from "../suites/containerd_processes.ts";
import { RECORDS } from "../suites/containerd_records.ts";
import {
  all,
  type Behaviour,
  containerdSuite,
  record,
  rejects,
} from "../suites/containerd_suite.ts";
import { type RunningContainerd, startContainerd } from "../world/containerd.ts";
import { delay, eventually } from "../world/delay.ts";

/** Another containerd, such as one of 2.x, is tested by naming its executable here. */
const binary = Deno.env.get("CONTAINERD");
const NAMESPACE = "adapter-test";

interface World {
  dir: string;
  running: RunningContainerd;
  containerd: Containerd;
  rootfs: Mount[];
}

let world: World | undefined;

async function open(): Promise<World> {
  if (world !== undefined) return world;
  const dir = await Deno.makeTempDir({ prefix: "cri-adapter-" });
  const running = await startContainerd(dir, binary === undefined ? {} : { binary });
  const containerd = connectContainerd({ address: running.address, namespace: NAMESPACE });
  await containerd.namespaces.ensure(NAMESPACE);
  return world = { dir, running, containerd, rootfs: await busyboxRoot(`${dir}/rootfs`) };
}

async function restart(w: World): Promise<void> {
  w.running = await startContainerd(w.dir, binary === undefined ? {} : { binary });
}

Deno.test.afterAll(async () => {
  if (world === undefined) return;
  world.containerd.close();
  await world.running.cleanUp();
  await Deno.remove(world.dir, { recursive: true });
  for await (const { name } of Deno.readDir("/sys/fs/cgroup")) {
    await Deno.remove(`/sys/fs/cgroup/${name}/${NAMESPACE}`).catch(() => {});
  }
  await Deno.remove(`/sys/fs/cgroup/${NAMESPACE}`).catch(() => {});
});

async function busyboxRoot(root: string): Promise<Mount[]> {
  for (const folder of ["bin", "proc", "dev", "sys", "tmp"]) {
    await Deno.mkdir(`${root}/${folder}`, { recursive: true });
  }
  await Deno.copyFile("/bin/busybox", `${root}/bin/busybox`);
  for (const name of ["sh", "sleep", "true"]) await Deno.symlink("busybox", `${root}/bin/${name}`);
  return [{ type: "bind", source: root, target: "", options: ["rbind", "rw"] }];
}

const process = (args: string[]) => ({
  terminal: false,
  user: { uid: 0, gid: 0 },
  args,
  env: ["PATH=/bin"],
  cwd: "/",
});

function specFor(id: string, args: string[]) {
  return jsonAny(SPEC_TYPE_URL, {
    ociVersion: "1.0.2",
    process: process(args),
    root: { path: "rootfs" },
    mounts: [{ destination: "/proc", type: "proc", source: "proc" }],
    linux: {
      cgroupsPath: `/${NAMESPACE}/${id}`,
      namespaces: ["pid", "mount", "ipc", "uts", "network"].map((type) => ({ type })),
    },
  });
}

const ARGS: Record<Behaviour, string[]> = {
  "sleeps": ["sleep", "1000"],
  "exits with 3": ["sh", "-c", "exit 3"],
};

async function container(id: string, behaviour: Behaviour) {
  const w = await open();
  await w.containerd.containers.create(record(id, { spec: specFor(id, ARGS[behaviour]) }));
  const options = runcOptions({ root: `${w.dir}/runc` });
  return { id, rootfs: w.rootfs, stdin: "", stdout: "", stderr: "", terminal: false, options };
}

containerdSuite(
  {
    name: "real containerd",
    subject: async () => ({
      containerd: (await open()).containerd,
      container,
      execThatExits: () => jsonAny(PROCESS_TYPE_URL, process(["sh", "-c", "exit 5"])),
    }),
  },
  RECORDS,
  BLOBS,
  PROCESSES,
);

Deno.test("tasks.update() changes the limits of a running container", async () => {
  const { containerd: { tasks, containers } } = await open();
  await tasks.create(await container("limits", "sleeps"));
  await tasks.start("limits");
  const resources = { memory: { limit: 64 * 1024 * 1024 } };
  await tasks.update("limits", jsonAny(RESOURCES_TYPE_URL, resources));
  await tasks.kill("limits", 9);
  await tasks.wait("limits");
  await tasks.delete("limits");
  await containers.delete("limits");
});

Deno.test("tasks.create() tells what runc said when the container can't be made", async () => {
  const { containerd: { tasks, containers } } = await open();
  const request = await container("broken", "sleeps");
  const spec = specFor("broken", ["/no/such/program"]);
  await containers.update({ id: "broken", spec }, ["spec"]);
  const error = await tasks.create(request).then(() => undefined, (error) => error);
  assert.ok(isKind(error, "internal", "notFound", "invalidArgument", "failedPrecondition"));
  assert.match(error.message, /^Cannot create task "broken": .*no such file/s);
  await rejects(tasks.get("broken"), "notFound");
  await containers.delete("broken");
});

Deno.test("containers.list() streams more records than one message of 4 MiB holds", async () => {
  const { containerd: { containers } } = await open();
  const spec = jsonAny(SPEC_TYPE_URL, { ociVersion: "1.0.2", fill: "x".repeat(30_000) });
  const labels = new Map([["many", "yes"]]);
  const ids = Array.from({ length: 200 }, (_, i) => `many-${i}`);
  for (const id of ids) await containers.create(record(id, { spec, labels }));
  assert.equal((await all(containers.list(["labels.many==yes"]))).length, 200);
  for await (const first of containers.list(["labels.many==yes"])) {
    assert.equal(first.labels.get("many"), "yes");
    break;
  }
  for (const id of ids) await containers.delete(id);
});

Deno.test("content.write() waits for another writer of the same ref", async () => {
  const { containerd: { content } } = await open();
  const bytes = new Uint8Array(2 * 1024 * 1024).fill(7);
  const hash = await crypto.subtle.digest("SHA-256", bytes);
  const digest = `sha256:${new Uint8Array(hash).toHex()}`;
  const slow = async function* () {
    yield bytes.subarray(0, 1024 * 1024);
    await delay(300);
    yield bytes.subarray(1024 * 1024);
  };
  const labels = () => new Map<string, string>();
  const blob = { ref: "shared", digest, sizeBytes: BigInt(bytes.length), labels };
  await Promise.all([content.write(blob, slow()), content.write(blob, slow())]);
  assert.equal((await content.info(digest)).sizeBytes, blob.sizeBytes);
});

async function standsStill(pid: number): Promise<boolean> {
  const threads = await Array.fromAsync(Deno.readDir(`/proc/${pid}/task`), ({ name }) => name);
  const stats = await Promise.all(
    threads.map((thread) => Deno.readTextFile(`/proc/${pid}/task/${thread}/stat`)),
  );
  return stats.every((stat) => stat.includes(") T "));
}

Deno.test("a call to a containerd that hangs ends with its timeout", async () => {
  const { containerd, running } = await open();
  await containerd.version();
  Deno.kill(running.pid, "SIGSTOP");
  try {
    await eventually("every thread to stand still", () => standsStill(running.pid));
    const error = await containerd.version({ timeoutMs: 200 }).then(() => undefined, (e) => e);
    assert.ok(isKind(error, "deadlineExceeded"));
    assert.match(error.message, /no answer within 0.2 s/);
    const signal = AbortSignal.timeout(100);
    await rejects(containerd.containers.get("x", { signal }), "deadlineExceeded");
  } finally {
    Deno.kill(running.pid, "SIGCONT");
  }
  await containerd.version();
});

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  Deno.test(`a connection is made again after ${signal} of containerd, and tasks live on`, () =>
    outlive(signal));
}

async function outlive(signal: Deno.Signal): Promise<void> {
  const w = await open();
  const { tasks, containers, events } = w.containerd;
  const states: string[] = [];
  const stop = w.containerd.onConnection(({ state }) => states.push(state));
  const pid = await tasks.create(await container("survivor", "sleeps"));
  await tasks.start("survivor");
  const waiting = tasks.wait("survivor");
  const following = all(events.subscribe([], new AbortController().signal));
  const ended = Promise.all([rejects(waiting, "unavailable"), rejects(following, "unavailable")]);
  await w.running.stop(signal);
  await ended;
  const down = await w.containerd.version().then(() => undefined, (e) => e);
  assert.ok(isKind(down, "unavailable"));
  assert.match(down.text, /is containerd running, and is .*containerd\.sock its socket\?/);
  const { state } = w.containerd.connection();
  assert.equal(state, "connecting");
  const asked = Date.now();
  const version = eventually("an answer", async () => {
    return (await w.containerd.version().catch(() => undefined))?.version;
  }, 15_000);
  await restart(w);
  await version;
  assert.ok(Date.now() - asked < 10_000);
  assert.deepEqual(w.containerd.connection(), { state: "ready" });
  assert.deepEqual(states, ["connecting", "ready"]);
  stop();
  assert.deepEqual([(await tasks.get("survivor")).pid], [pid]);
  await tasks.kill("survivor", 9);
  assert.equal((await tasks.wait("survivor")).exitCode, 137);
  await tasks.delete("survivor");
  await containers.delete("survivor");
}

Deno.test("connectContainerd() with several sessions shares the calls among them", async () => {
  const { running } = await open();
  const address = running.address;
  const several = connectContainerd({ address, namespace: NAMESPACE, sessions: 3 });
  const answers = await Promise.all(Array.from({ length: 30 }, () => several.version()));
  assert.equal(new Set(answers.map((a) => a.version)).size, 1);
  several.close();
  await rejects(several.version(), "unavailable");
});

Deno.test("close() ends the calls under way", async () => {
  const { running } = await open();
  const own = connectContainerd({ address: running.address, namespace: NAMESPACE });
  await own.version();
  const following = all(own.events.subscribe([], new AbortController().signal));
  await delay(20);
  own.close();
  await rejects(following, "cancelled");
});

Deno.test("connectContainerd() sees only its own namespace", async () => {
  const { containerd, running } = await open();
  const other = connectContainerd({ address: running.address, namespace: "another" });
  await other.namespaces.ensure("another");
  await containerd.containers.create(record("mine"));
  await rejects(other.containers.get("mine"), "notFound");
  await containerd.containers.delete("mine");
  await other.namespaces.delete("another");
  other.close();
});
