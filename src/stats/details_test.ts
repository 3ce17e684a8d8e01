import assert from "node:assert/strict";
import { V1, V2 } from "../../tests/fixtures/cgroups.ts";
import { cgroupOf, parseHierarchies } from "./cgroups.ts";
import { type Details, detailsOf, pageSizesOf } from "./details.ts";

const DETAILS: Details = {
  cpu: {
    userNs: 4_000_000_000n,
    systemNs: 1_000_000_000n,
    periods: 10n,
    throttledPeriods: 2n,
    throttledNs: 30_000_000n,
  },
  memory: {
    cacheBytes: 4_194_304n,
    mappedFileBytes: 2_097_152n,
    activeFileBytes: 3_145_728n,
    inactiveFileBytes: 1_048_576n,
    kernelBytes: 65_536n,
    maxUsageBytes: 12_582_912n,
    failures: 4n,
  },
  io: [{
    device: "/dev/sda",
    major: "8",
    minor: "0",
    readBytes: 4096n,
    writeBytes: 8192n,
    reads: 1n,
    writes: 2n,
  }],
  maxTasks: 100n,
  oomKills: 1n,
  hugetlb: [{ pageSize: "2MB", usageBytes: 2_097_152n, maxUsageBytes: 4_194_304n }],
};

function read(files: ReadonlyMap<string, string>): Details {
  const readFile = (path: string) => files.get(path);
  const hierarchies = parseHierarchies(readFile("/proc/self/mountinfo") ?? "");
  const cgroup = cgroupOf(readFile, hierarchies, { pid: 200, id: "c1" });
  assert.ok(cgroup !== undefined);
  return detailsOf(readFile, cgroup, ["2MB", "1GB"]);
}

Deno.test("detailsOf() reads the files of cgroup v1 (golden files)", () => {
  assert.deepEqual(read(V1), DETAILS);
});

Deno.test("detailsOf() reads the files of cgroup v2 (golden files), which has no peak of huge pages", () => {
  const hugetlb = DETAILS.hugetlb.map((one) => ({ ...one, maxUsageBytes: undefined }));
  assert.deepEqual(read(V2), { ...DETAILS, hugetlb });
});

Deno.test("detailsOf() leaves out what isn't told, and takes max for any number", () => {
  const files = new Map([...V2].filter(([path]) => path.startsWith("/proc/")));
  const none = read(files);
  assert.deepEqual([none.cpu.userNs, none.io, none.maxTasks, none.oomKills], [
    undefined,
    [],
    undefined,
    undefined,
  ]);
  for (const [path, text] of V2) if (path.endsWith("/pids.max")) files.set(path, text && "max\n");
  assert.equal(read(files).maxTasks, 0n);
});

Deno.test("pageSizesOf() names sizes as cgroups do", () => {
  const folders = ["hugepages-2048kB", "hugepages-1048576kB", "hugepages-64kB", "other"];
  assert.deepEqual(pageSizesOf(folders), ["2MB", "1GB", "64KB"]);
});
