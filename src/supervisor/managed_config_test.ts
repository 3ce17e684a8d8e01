import assert from "node:assert/strict";
import { parse } from "smol-toml";
import { defaultConfig } from "../config/load.ts";
import {
  majorVersion,
  managedContainerdConfig,
  managedPaths,
  withContainerdAddress,
} from "./managed_config.ts";

const VERSIONS = [
  ["containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+deb12u3", 1],
  ["containerd github.com/containerd/containerd/v2 v2.3.4 5b1a8c", 2],
  ["containerd github.com/containerd/containerd/v2 2.0.0-rc.1", 2],
  ["no version here", undefined],
] as const;

for (const [output, major] of VERSIONS) {
  Deno.test(`majorVersion() finds ${major} in ${JSON.stringify(output)}`, () => {
    assert.equal(majorVersion(output), major);
  });
}

const paths = managedPaths(defaultConfig());

Deno.test("managedContainerdConfig() keeps everything below the daemon's folders", () => {
  for (const major of [1, 2]) {
    const text = managedContainerdConfig(paths, major);
    const used = [...text.matchAll(/"(\/[^"]*)"/g)].map((match) => match[1] ?? "");
    assert(used.length > 0);
    assert.deepEqual(used.filter((path) => !/^\/(run|var\/lib)\/cri-containerd\//.test(path)), []);
  }
});

Deno.test("managedContainerdConfig() speaks version 2 to containerd 1.x and 3 to 2.x", () => {
  const [one, two] = [1, 2].map((major) => parse(managedContainerdConfig(paths, major)));
  assert.equal(one?.version, 2);
  assert.deepEqual(one?.disabled_plugins, ["io.containerd.grpc.v1.cri"]);
  assert.equal(two?.version, 3);
  assert(Array.isArray(two?.disabled_plugins));
  assert(two.disabled_plugins.includes("io.containerd.cri.v1.runtime"));
});

Deno.test("withContainerdAddress() changes the address of a managed containerd alone", () => {
  const config = defaultConfig();
  assert.equal(withContainerdAddress(config), config);
  const managed = { ...config, containerd: { ...config.containerd, managed: true } };
  const effective = withContainerdAddress(managed);
  assert.equal(effective.containerd.address, "/run/cri-containerd/containerd/containerd.sock");
  assert.deepEqual(withContainerdAddress(effective), effective);
});
