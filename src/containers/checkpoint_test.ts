import assert from "node:assert/strict";
import { RUNC } from "../../tests/fixtures/runtime.ts";
import { ID, runningContainer } from "../../tests/fakes/running_container.ts";
import { CriError } from "../base/errors.ts";
import type { Runtime } from "../state/settings.ts";
import { readArchive } from "../images/archive.ts";
import { checkpointContainer, type CheckpointDeps, endCheckpoint } from "./checkpoint.ts";

const { signal } = new AbortController();

/** A node with CRIU, and a running container with a root filesystem. */
async function node(runtime: Runtime = { ...RUNC, stateDir: "/run/runc" }) {
  const setup = await runningContainer();
  const dir = await Deno.makeTempDir({ prefix: "checkpoint-" });
  await Deno.mkdir(`${dir}/checkpoints`);
  const times = { labels: new Map<string, string>(), createdAtNs: 0n, updatedAtNs: 0n };
  setup.world.snapshots.set(
    "overlayfs",
    new Map([
      ["base", { name: "base", parent: "", kind: "committed", ...times }],
      [ID, { name: ID, parent: "base", kind: "active", ...times }],
    ]),
  );
  const deps: CheckpointDeps = {
    ...setup.deps,
    sandboxes: { find: () => undefined },
    images: { find: () => undefined },
    settings: {
      rootDir: `${dir}/root`,
      stateDir: `${dir}/state`,
      netnsDir: `${dir}/netns`,
      logDirs: [],
      maxLogLineBytes: 16_384,
      cgroupDriver: "cgroupfs",
      cdiDirs: [],
      checkpointDirs: [`${dir}/checkpoints`],
      runtimes: new Map([["runc", runtime]]),
      defaultRuntime: "runc",
    },
    linux: {
      listFolder: (path) => path === "/usr/sbin" ? ["criu"] : [],
      readBytesIfAny: () => undefined,
    },
  };
  const location = `${dir}/checkpoints/one.tar`;
  return {
    ...setup,
    deps,
    location,
    checkpoint: (more: { location?: string; timeoutSeconds?: bigint } = {}) =>
      checkpointContainer(
        deps,
        { idOrPrefix: ID, location, timeoutSeconds: 0n, ...more },
        signal,
      ),
    /** What a checkpoint leaves: nothing but its archive, and a container that runs. */
    assertTidy: async (archives: readonly string[]) => {
      const names = await Array.fromAsync(Deno.readDir(`${dir}/checkpoints`), ({ name }) => name);
      assert.deepEqual(names, archives);
      await assert.rejects(Deno.lstat(`${dir}/root/containers/${ID}/checkpointing`));
      assert.equal(setup.world.tasks.get(ID)?.info.status, "running");
      assert.deepEqual([...setup.world.snapshots.get("overlayfs")?.keys() ?? []], ["base", ID]);
      assert.equal(setup.world.leases.size, 0);
    },
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

Deno.test("checkpointContainer() leaves an archive that tools read, and a container that runs", async () => {
  await using it = await node();
  await it.checkpoint();
  await it.assertTidy(["one.tar"]);
  const names: string[] = [];
  const file = await Deno.open(it.location);
  for await (const { path } of readArchive(file.readable)) names.push(path);
  assert.deepEqual(names, [
    "config.dump",
    "spec.dump",
    "status.dump",
    "status",
    "checkpoint/core-1.img",
    "checkpoint/pages-1.img",
    "dump.log",
    "rootfs-diff.tar",
  ]);
});

Deno.test("checkpointContainer() lets the container go on when CRIU fails, and says why", async () => {
  await using it = await node();
  it.world.before = (method) => {
    if (method === "tasks.checkpoint") throw new CriError("internal", "criu failed: type NOTIFY");
  };
  await assert.rejects(it.checkpoint(), {
    kind: "failedPrecondition",
    message: /checkpoint container main.*criu failed/,
  });
  await it.assertTidy([]);
});

for (const method of ["tasks.pause", "snapshots.view", "diff.compare", "leases.create"]) {
  Deno.test(`checkpointContainer() leaves nothing when ${method} fails`, async () => {
    await using it = await node();
    it.world.after = (called) => {
      if (called === method) throw new CriError("unavailable", "the connection broke");
    };
    await assert.rejects(it.checkpoint(), { kind: "unavailable" });
    await it.assertTidy([]);
  });
}

Deno.test("checkpointContainer() refuses places that aren't for checkpoints", async () => {
  await using it = await node();
  const { location } = it;
  for (
    const place of ["/etc/cron.d/one", `${location}/../../x`, location.replace("/one.tar", "")]
  ) {
    await assert.rejects(it.checkpoint({ location: place }), { kind: "invalidArgument" }, place);
  }
  await it.assertTidy([]);
});

Deno.test("checkpointContainer() says what is missing without CRIU, and for other runtimes", async () => {
  await using it = await node();
  const linux = { ...it.deps.linux, listFolder: () => [] };
  const without = { ...it.deps, linux };
  const request = { idOrPrefix: ID, location: it.location, timeoutSeconds: 0n };
  await assert.rejects(checkpointContainer(without, request, signal), {
    kind: "unimplemented",
    message: /CRIU/,
    remedy: /install the package criu/,
  });
  await using vm = await node({ ...RUNC, type: "io.containerd.kata.v2" });
  await assert.rejects(vm.checkpoint(), { kind: "unimplemented", message: /kata/ });
});

Deno.test("endCheckpoint() lets a container go on whose checkpoint died with the daemon", async () => {
  await using it = await node();
  await Deno.mkdir(`${it.deps.settings.rootDir}/containers/${ID}/checkpointing`, {
    recursive: true,
  });
  const part = `${it.location}.part`;
  await Deno.writeTextFile(part, "half");
  await Deno.writeTextFile(
    `${it.deps.settings.rootDir}/containers/${ID}/checkpointing/part`,
    part,
  );
  await it.deps.containerd.tasks.pause(ID);
  await endCheckpoint(it.deps, ID);
  await it.assertTidy([]);
});
