/** Imports go down the layers only, and what is dangerous or foreign stays where it belongs. */
import assert from "node:assert/strict";
import { importsOf } from "./graph.ts";
import { LAYERS, wrongImports } from "./layers.ts";
import { shippedFiles } from "./source.ts";

const files = await shippedFiles();
const imports = await importsOf(files);

Deno.test("every import goes down the layers and to what its folder may use", () => {
  assert.deepEqual(wrongImports(imports), []);
});

Deno.test("the graph is that of the sources: every file, workers and imports of types", () => {
  const importing = new Set(imports.map(({ from }) => from));
  const withImports = files.filter((file) => importing.has(file));
  assert.ok(withImports.length > files.length / 2, `${withImports.length} of ${files.length}`);
  assert.ok(importing.has("src/compartments/server.ts"));
  const has = (from: string, to: string) =>
    imports.some((one) => one.from === from && one.to === to);
  assert.ok(has("src/pods/run.ts", "src/containers/task.ts"));
  assert.ok(has("src/pods/run.ts", "src/base/flights.ts"), "an import of a type alone");
  assert.ok(has("src/cri/server.ts", "src/grpc/server.ts"));
});

Deno.test("every folder of src has its place in the layers", async () => {
  const known = LAYERS.flat();
  for await (const { name, isDirectory } of Deno.readDir("src")) {
    if (isDirectory) assert.ok(known.includes(name), name);
  }
});

for (
  const [name, from, to, expected] of [
    ["upwards", "src/base/id.ts", "src/pods/run.ts", /isn't below it/],
    ["between adapters", "src/cni/exec.ts", "src/linux/netns.ts", /isn't below it/],
    ["from containers to pods", "src/containers/stop.ts", "src/pods/run.ts", /isn't below it/],
    ["to a folder that has no place", "src/base/id.ts", "src/util/x.ts", /has no place/],
    ["to tests", "src/base/id.ts", "tests/world/sh.ts", /tests aren't shipped/],
    ["of containerd's messages", "src/pods/run.ts", "src/gen/containerd/types/mount.ts", /is for/],
    ["of CRI messages by an adapter", "src/linux/netns.ts", "src/gen/cri/v1/api.ts", /is for/],
    ["of gRPC in the domain", "src/pods/run.ts", "src/grpc/client.ts", /is for/],
    ["of a way around Deno.Command", "src/cni/exec.ts", "node:child_process", /is for nobody/],
  ] as const
) {
  Deno.test(`wrongImports() finds an import ${name}`, () => {
    const [found = ""] = wrongImports([{ from, to, line: 7 }]);
    assert.match(found, expected);
    assert.ok(found.startsWith(`${from}:7: `));
  });
}

Deno.test("wrongImports() lets an import go down, and within a folder", () => {
  const line = 1;
  assert.deepEqual(
    wrongImports([
      { from: "src/pods/run.ts", to: "src/containers/task.ts", line },
      { from: "src/pods/run.ts", to: "src/pods/task.ts", line },
      { from: "src/containerd/channel.ts", to: "src/grpc/client.ts", line },
    ]),
    [],
  );
});
