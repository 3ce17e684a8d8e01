import assert from "node:assert/strict";
import { pathOf, V1, V2 } from "../../tests/fixtures/cgroups.ts";
import { cgroupOf, parseHierarchies } from "./cgroups.ts";
import { type CgroupReader, MAX_CGROUPS, processesIn } from "./processes.ts";

/** A file system of these files, which notes what is listed. */
function readerOf(files: ReadonlyMap<string, string>): CgroupReader & { listed: string[] } {
  const listed: string[] = [];
  return {
    listed,
    readFile: (path) => files.get(path),
    listFolder: (path) => {
      listed.push(path);
      const below = [...files.keys()].filter((file) => file.startsWith(`${path}/`));
      if (below.length === 0) throw new Error(`no ${path}`);
      return [...new Set(below.map((file) => file.slice(path.length + 1).split("/")[0] ?? ""))];
    },
  };
}

function processes(reader: CgroupReader): number[] | undefined {
  const hierarchies = parseHierarchies(reader.readFile("/proc/self/mountinfo") ?? "");
  const cgroup = cgroupOf(reader.readFile, hierarchies, { pid: 200, id: "c1" });
  assert.ok(cgroup !== undefined);
  return processesIn(reader, cgroup);
}

for (const [version, golden] of [["v1", V1], ["v2", V2]] as const) {
  const top = pathOf(golden, "cgroup.procs").replace(/\/cgroup\.procs$/, "");

  Deno.test(`processesIn() counts those of nested cgroups of ${version} (golden files)`, () => {
    const files = new Map(golden)
      .set(`${top}/init.scope/cgroup.procs`, "300\n")
      .set(`${top}/system.slice/cgroup.procs`, "")
      .set(`${top}/system.slice/web.service/cgroup.procs`, "301\n302\n");
    const found = processes(readerOf(files)) ?? [];
    assert.deepEqual(found.toSorted(), [200, 201, 300, 301, 302]);
  });

  Deno.test(`processesIn() stops at a limit of cgroups of ${version}`, () => {
    const files = new Map(golden);
    for (let at = 0; at < MAX_CGROUPS + 50; at++) {
      files.set(`${top}/many-${at}/cgroup.procs`, `${1_000 + at}\n`);
    }
    // Its own two, and one of each of the others that are read.
    assert.equal(processes(readerOf(files))?.length, 2 + MAX_CGROUPS - 1);
  });

  Deno.test(`processesIn() knows of a cgroup of ${version} that has gone`, () => {
    const files = new Map([...golden].filter(([path]) => path.startsWith("/proc/")));
    assert.equal(processes(readerOf(files)), undefined);
  });
}

Deno.test("processesIn() lists nothing where version 2 says that nothing is below", () => {
  const top = pathOf(V2, "cgroup.procs").replace(/\/cgroup\.procs$/, "");
  const reader = readerOf(new Map(V2).set(`${top}/cgroup.stat`, "nr_descendants 0\n"));
  assert.deepEqual(processes(reader), [200, 201]);
  assert.deepEqual(reader.listed, []);
});
