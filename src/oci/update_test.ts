import assert from "node:assert/strict";
import { isKind } from "../base/errors.ts";
import { LinuxContainerResources } from "../gen/cri/v1/api.ts";
import { mergeResources, updateSpec } from "./update.ts";

const BEFORE = LinuxContainerResources.fromPartial({
  cpuPeriod: 100_000n,
  cpuQuota: 50_000n,
  cpuShares: 512n,
  memoryLimitInBytes: 64n << 20n,
  memorySwapLimitInBytes: 128n << 20n,
  oomScoreAdj: 900n,
  cpusetCpus: "0-1",
  cpusetMems: "0",
  hugepageLimits: [{ pageSize: "2MB", limit: 1n }, { pageSize: "1GB", limit: 2n }],
  unified: new Map([["memory.min", "1"], ["memory.high", "2"]]),
});

const CHANGES: [name: string, change: Parameters<typeof LinuxContainerResources.fromPartial>[0]][] =
  [
    ["cpuPeriod", { cpuPeriod: 50_000n }],
    ["cpuQuota", { cpuQuota: -1n }],
    ["cpuShares", { cpuShares: 2n }],
    ["memoryLimitInBytes", { memoryLimitInBytes: 32n << 20n }],
    ["memorySwapLimitInBytes", { memorySwapLimitInBytes: 256n << 20n }],
    ["cpusetCpus", { cpusetCpus: "1" }],
    ["cpusetMems", { cpusetMems: "0-3" }],
  ];

for (const [name, change] of CHANGES) {
  Deno.test(`mergeResources() changes ${name} alone`, () => {
    const merged = mergeResources(BEFORE, LinuxContainerResources.fromPartial(change));
    assert.deepEqual(merged, { ...BEFORE, ...change });
  });
}

Deno.test("mergeResources() merges page sizes and cgroup files by name", () => {
  const merged = mergeResources(
    BEFORE,
    LinuxContainerResources.fromPartial({
      hugepageLimits: [{ pageSize: "2MB", limit: 7n }],
      unified: new Map([["memory.high", "max"], ["pids.max", "9"]]),
    }),
  );
  assert.deepEqual(merged.hugepageLimits, [{ pageSize: "2MB", limit: 7n }, {
    pageSize: "1GB",
    limit: 2n,
  }]);
  assert.deepEqual(Object.fromEntries(merged.unified), {
    "memory.min": "1",
    "memory.high": "max",
    "pids.max": "9",
  });
});

Deno.test("mergeResources() leaves the OOM score as the process has it", () => {
  const change = LinuxContainerResources.fromPartial({ oomScoreAdj: -5n });
  assert.equal(mergeResources(BEFORE, change).oomScoreAdj, 900n);
  assert.equal(mergeResources(undefined, change).oomScoreAdj, 0n);
});

const STORED = {
  ociVersion: "1.1.0",
  process: { args: ["web"] },
  linux: {
    cgroupsPath: "/pods/1",
    resources: {
      devices: [{ allow: false, access: "rwm" }],
      cpu: { shares: 512, cpus: "0-1", burst: 3 },
      memory: { limit: 9_007_199_254_740_993n, swap: 5 },
      blockIO: { weight: 10 },
    },
  },
};

Deno.test("updateSpec() changes limits and keeps whatever else the spec holds", () => {
  const updated = updateSpec(STORED, { cpu: { shares: 2, cpus: undefined }, pids: { limit: 7 } });
  const spec = new TextDecoder().decode(updated.spec);
  assert.match(spec, /"limit":9007199254740993/);
  assert.deepEqual(JSON.parse(spec), {
    ...STORED,
    linux: {
      cgroupsPath: "/pods/1",
      resources: {
        ...STORED.linux.resources,
        cpu: { shares: 2, cpus: "0-1", burst: 3 },
        memory: { limit: Number(9_007_199_254_740_993n), swap: 5 },
        pids: { limit: 7 },
      },
    },
  });
});

Deno.test("updateSpec() hands a runtime the limits without the rules about devices", () => {
  const { resources } = updateSpec(STORED, { memory: { limit: 8, swap: 8 } });
  const { devices, memory, blockIO } = JSON.parse(new TextDecoder().decode(resources));
  assert.deepEqual([devices, memory, blockIO], [undefined, { limit: 8, swap: 8 }, { weight: 10 }]);
});

Deno.test("updateSpec() refuses what is no spec", () => {
  for (const stored of [{}, null, "x", { linux: 1 }]) {
    assert.throws(() => updateSpec(stored, {}), (error) => isKind(error, "internal"));
  }
});
