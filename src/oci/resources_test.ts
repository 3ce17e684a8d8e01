import assert from "node:assert/strict";
import { LinuxContainerResources } from "../gen/cri/v1/api.ts";
import { refuses } from "../../tests/fixtures/oci/refuses.ts";
import { oomScoreAdj, sandboxOomScoreAdj, toLinuxResources } from "./resources.ts";

type Parts = Parameters<typeof LinuxContainerResources.fromPartial>[0];

const V2 = { cgroupVersion: 2, hugetlb: true, swapAccounting: true } as const;
const V1 = { ...V2, cgroupVersion: 1 } as const;

/** As JSON, where what isn't limited isn't there. */
function limits(parts: Parts, facts: Parameters<typeof toLinuxResources>[1] = V2): unknown {
  const asked = LinuxContainerResources.fromPartial(parts);
  return JSON.parse(JSON.stringify(toLinuxResources(asked, facts)));
}

const CASES: { name: string; asked: Parts; facts?: typeof V1 | typeof V2; is: unknown }[] = [
  { name: "nothing for zeros", asked: {}, is: {} },
  {
    name: "a quota and its period",
    asked: { cpuQuota: 50_000n, cpuPeriod: 100_000n },
    is: { cpu: { quota: 50_000, period: 100_000 } },
  },
  { name: "no quota for -1", asked: { cpuQuota: -1n }, is: { cpu: { quota: -1 } } },
  {
    name: "shares within the kernel's bounds",
    asked: { cpuShares: 1n },
    is: { cpu: { shares: 2 } },
  },
  {
    name: "CPU sets alone",
    asked: { cpusetCpus: "0-3,8", cpusetMems: "0" },
    is: { cpu: { cpus: "0-3,8", mems: "0" } },
  },
  {
    name: "no swap where memory alone is limited",
    asked: { memoryLimitInBytes: 1n << 30n },
    is: { memory: { limit: 2 ** 30, swap: 2 ** 30 } },
  },
  {
    name: "swap where it is asked for",
    asked: { memoryLimitInBytes: 100n, memorySwapLimitInBytes: 150n },
    is: { memory: { limit: 100, swap: 150 } },
  },
  {
    name: "unlimited memory and swap for -1",
    asked: { memoryLimitInBytes: -1n, memorySwapLimitInBytes: -1n },
    is: { memory: { limit: -1, swap: -1 } },
  },
  {
    name: "huge pages by size",
    asked: { hugepageLimits: [{ pageSize: "2MB", limit: 0n }, { pageSize: "1GB", limit: 5n }] },
    is: { hugepageLimits: [{ pageSize: "2MB", limit: 0 }, { pageSize: "1GB", limit: 5 }] },
  },
  {
    name: "cgroup v2's files by name",
    asked: { unified: new Map([["memory.high", "1000"], ["pids.max", "9"]]) },
    is: { unified: { "memory.high": "1000", "pids.max": "9" } },
  },
  {
    name: "the limit of processes on cgroup v1 too",
    asked: { unified: new Map([["pids.max", "9"]]) },
    facts: V1,
    is: { pids: { limit: 9 } },
  },
];

for (const { name, asked, facts = V2, is } of CASES) {
  Deno.test(`toLinuxResources() gives ${name}`, () => assert.deepEqual(limits(asked, facts), is));
}

Deno.test("toLinuxResources() leaves out what the node can't limit", () => {
  const asked = { memoryLimitInBytes: 9n, hugepageLimits: [{ pageSize: "2MB", limit: 0n }] };
  const facts = { ...V2, hugetlb: false, swapAccounting: false };
  assert.deepEqual(limits(asked, facts), { memory: { limit: 9 } });
});

Deno.test("toLinuxResources() keeps every digit of a 64-bit number", () => {
  const asked = LinuxContainerResources.fromPartial({ memoryLimitInBytes: 2n ** 63n - 1n });
  assert.equal(toLinuxResources(asked, V2).memory?.limit, 2n ** 63n - 1n);
});

const REFUSED: { name: string; asked: Parts; facts?: typeof V1 | typeof V2; field: string }[] = [
  { name: "negative shares", asked: { cpuShares: -1n }, field: "cpu_shares" },
  { name: "a negative period", asked: { cpuPeriod: -5n }, field: "cpu_period" },
  { name: "negative memory", asked: { memoryLimitInBytes: -2n }, field: "memory_limit_in_bytes" },
  {
    name: "less swap than memory, which it includes",
    asked: { memoryLimitInBytes: 10n, memorySwapLimitInBytes: 5n },
    field: "memory_swap_limit_in_bytes",
  },
  { name: "a CPU set that is none", asked: { cpusetCpus: "0;1" }, field: "cpuset_cpus" },
  { name: "a set of memory nodes that is none", asked: { cpusetMems: "-1" }, field: "cpuset_mems" },
  {
    name: "a page size that is a path",
    asked: { hugepageLimits: [{ pageSize: "../x", limit: 0n }] },
    field: "hugepage_limits[0].page_size",
  },
  {
    name: "a cgroup file that is a path",
    asked: { unified: new Map([["../memory.max", "1"]]) },
    field: 'unified["../memory.max"]',
  },
  {
    name: "cgroup v2's files on v1",
    asked: { unified: new Map([["memory.high", "1"]]) },
    facts: V1,
    field: 'unified["memory.high"]',
  },
];

for (const { name, asked, facts = V2, field } of REFUSED) {
  Deno.test(`toLinuxResources() refuses ${name}`, () => {
    refuses(() => limits(asked, facts), `config.linux.resources.${field}`);
  });
}

Deno.test("toLinuxResources() names the field of another request", () => {
  const asked = LinuxContainerResources.fromPartial({ cpuShares: -1n });
  refuses(() => toLinuxResources(asked, V2, "linux"), "linux.cpu_shares");
});

Deno.test("oomScoreAdj() never goes below what the node may set", () => {
  assert.equal(oomScoreAdj(-997n, { oomScoreAdjMin: -1000 }), -997);
  assert.equal(oomScoreAdj(-997n, { oomScoreAdjMin: 0 }), 0);
  assert.equal(oomScoreAdj(985n, { oomScoreAdjMin: 0 }), 985);
  assert.equal(sandboxOomScoreAdj({ oomScoreAdjMin: -1000 }), -998);
  assert.equal(sandboxOomScoreAdj({ oomScoreAdjMin: -500 }), -500);
});

Deno.test("oomScoreAdj() refuses what the kernel doesn't know", () => {
  for (const asked of [-1001n, 1001n, 2n ** 40n]) {
    refuses(
      () => oomScoreAdj(asked, { oomScoreAdjMin: 0 }),
      "config.linux.resources.oom_score_adj",
    );
  }
});
