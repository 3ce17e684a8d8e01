import assert from "node:assert/strict";
import { pathOf, V1, V2 } from "../../tests/fixtures/cgroups.ts";
import { Sampler, type Target } from "./sampler.ts";

const S = 1_000_000_000n;
const TARGET: Target = { id: "c1", pid: 200, startedAtNs: 100n * S, of: "process" };

function node(files: ReadonlyMap<string, string>) {
  const world = { files: new Map(files), now: 105n * S };
  const sampler = new Sampler({
    readFile: (path) => world.files.get(path),
    nowNs: () => world.now,
  });
  return { ...world, world, sampler };
}

const PRESSURE = {
  some: { avg10: 1.5, avg60: 0.25, avg300: 0.05, totalUs: 123_456n },
  full: { avg10: 0.75, avg60: 0.1, avg300: 0.01, totalUs: 65_432n },
};

for (const [version, files] of [["v1", V1], ["v2", V2]] as const) {
  for (const  of of["process", "parent"] as const) {
    Deno.test(`Sampler reads what the kernel says of cgroup ${version} (golden files), of the ${of}`, () => {
      assert.deepEqual(node(files).sampler.measure({ ...TARGET, of }), {
        nanoCores: 1_000_000_000n,
        sample: {
          atNs: 105n * S,
          cpu: { usageNs: 5n * S, pressure: PRESSURE },
          memory: {
            usageBytes: 10_485_760n,
            workingSetBytes: 9_437_184n,
            rssBytes: 6_291_456n,
            pageFaults: 777n,
            majorPageFaults: 7n,
            limitBytes: 20_971_520n,
            pressure: PRESSURE,
          },
          swap: { usageBytes: 1_048_576n, limitBytes: 10_485_760n },
          ioPressure: PRESSURE,
          tasks: 3n,
        },
      });
    });
  }

  Deno.test(`Sampler leaves out what a kernel with cgroup ${version} doesn't tell`, () => {
    const { world, sampler } = node(files);
    const rare = /pressure$|swap\.|pids\.current$/;
    for (const path of files.keys()) if (rare.test(path)) world.files.delete(path);
    const sample = sampler.measure(TARGET)?.sample;
    assert.equal(sample?.cpu?.pressure, undefined);
    assert.deepEqual([sample?.ioPressure, sample?.tasks], [undefined, undefined]);
    assert.equal(sample?.memory?.usageBytes, 10_485_760n);
  });
}

for (const [version, files] of [["v1", V1], ["v2", V2]] as const) {
  Deno.test(`Sampler counts what the kernel killed for memory in cgroup ${version}`, () => {
    const { sampler } = node(files);
    const path = sampler.cgroupOf(TARGET)?.path ?? "";
    assert.equal(sampler.oomKills(path), 1n);
    assert.equal(sampler.oomKills(`${path}-that-is-gone`), undefined);
  });
}

Deno.test("no limit is told as none, in both versions", () => {
  const v1 = node(V1);
  const stat = pathOf(V1, "memory.stat");
  const unlimited = "9223372036854771712";
  v1.world.files.set(
    stat,
    (V1.get(stat) ?? "").replace(/(memory|memsw)_limit \d+/g, `$1_limit ${unlimited}`),
  );
  const v2 = node(V2);
  for (const name of ["memory.max", "memory.swap.max"]) {
    v2.world.files.set(pathOf(V2, name), "max\n");
  }
  for (const { sampler } of [v1, v2]) {
    const sample = sampler.measure(TARGET)?.sample;
    assert.deepEqual([sample?.memory?.limitBytes, sample?.swap?.limitBytes], [
      undefined,
      undefined,
    ]);
  }
});

Deno.test("Sampler finds nothing where the process has ended or is somebody else's", () => {
  const { world, sampler } = node(V2);
  assert.equal(sampler.measure({ ...TARGET, pid: 999 }), undefined);
  world.files.set("/proc/201/cgroup", "0::/kubepods.slice/another.scope\n");
  assert.equal(sampler.measure({ ...TARGET, pid: 201 }), undefined);
  assert.ok(sampler.measure(TARGET) !== undefined);
  world.files.clear();
  world.now += S;
  assert.equal(sampler.measure(TARGET), undefined, "its cgroup has gone");
});

Deno.test("Sampler looks the cgroup up once, until it is told to forget or the pid is another", () => {
  const { world, sampler } = node(V2);
  sampler.measure(TARGET);
  world.files.delete("/proc/200/cgroup");
  assert.ok(sampler.measure(TARGET) !== undefined);
  sampler.forget(TARGET.id);
  assert.equal(sampler.measure(TARGET), undefined);
});

Deno.test("those who ask within a moment get the same sample, later ones another", () => {
  const { world, sampler } = node(V2);
  const first = sampler.measure(TARGET);
  world.files.set(pathOf(V2, "memory.current"), "7\n");
  world.now += S / 4n;
  assert.equal(sampler.measure(TARGET), first);
  world.now += S / 2n;
  assert.equal(sampler.measure(TARGET)?.sample.memory?.usageBytes, 7n);
});

Deno.test("a process in a cgroup below its container's stands for the container's", () => {
  const { world, sampler } = node(V2);
  const own = V2.get("/proc/200/cgroup")?.trimEnd();
  world.files.set("/proc/200/cgroup", `${own}/init.scope\n`);
  assert.equal(sampler.measure(TARGET)?.sample.memory?.usageBytes, 10_485_760n);
  assert.equal(sampler.cgroupOf(TARGET)?.path, own?.slice("0::".length));
});

Deno.test("a cgroup below the mounted part of its hierarchy is found there", () => {
  const { world, sampler } = node(V2);
  world.files.set("/proc/self/mountinfo", "30 23 0:26 /outer /cg rw - cgroup2 cgroup2 rw\n");
  world.files.set("/proc/200/cgroup", "0::/outer/c1\n");
  world.files.set("/cg/c1/memory.current", "7\n");
  assert.equal(sampler.measure(TARGET)?.sample.memory?.usageBytes, 7n);
});

Deno.test("readRates() makes a rate that the next sample tells, however soon it is asked for", async () => {
  const { world, sampler } = node(V2);
  world.now = 500n * S;
  const stat = pathOf(V2, "cpu.stat");
  await sampler.readRates([TARGET]);
  world.now += 10n * S;
  world.files.set(stat, "usage_usec 7500000\n");
  await sampler.readRates([TARGET]);
  world.now += 1n;
  assert.equal(sampler.measure(TARGET)?.nanoCores, 250_000_000n);
});
