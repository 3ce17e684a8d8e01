import assert from "node:assert/strict";
import { defaultConfig } from "../config/load.ts";
import type { Config } from "../config/table.ts";
import { findRuntimeFeatures } from "./runtime_features.ts";

/** A config whose folder of programs holds this runc, by its script. */
async function configWith(script: string): Promise<{ config: Config } & AsyncDisposable> {
  const dir = await Deno.makeTempDir();
  await Deno.writeTextFile(`${dir}/runc`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const config = defaultConfig();
  return {
    config: { ...config, containerd: { ...config.containerd, binaries: dir } },
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}

const NEW = JSON.stringify({
  mountOptions: ["ro", "rro"],
  linux: { mountExtensions: { idmap: { enabled: true } } },
  annotations: { "org.opencontainers.runc.version": "1.5.2" },
});

Deno.test("findRuntimeFeatures() takes a runtime's own word", async () => {
  await using node = await configWith(`[ "$*" = features ] && echo '${NEW}'`);
  assert.deepEqual(
    await findRuntimeFeatures(node.config),
    new Map([["runc", { recursiveReadonlyMounts: true, idmappedMounts: true }]]),
  );
});

Deno.test("findRuntimeFeatures() takes what isn't said for what can't be", async () => {
  await using node = await configWith(`echo '{"mountOptions": ["ro"], "linux": {}}'`);
  assert.deepEqual(
    await findRuntimeFeatures(node.config),
    new Map([["runc", { recursiveReadonlyMounts: false, idmappedMounts: false }]]),
  );
});

for (
  const [name, script] of [
    ["that doesn't know the question", "echo 'No help topic for features' >&2; exit 3"],
    ["that answers with something else", "echo VERSION: 1.0"],
  ] as const
) {
  Deno.test(`findRuntimeFeatures() leaves a runtime out ${name}`, async () => {
    await using node = await configWith(script);
    assert.equal((await findRuntimeFeatures(node.config)).size, 0);
  });
}

Deno.test("findRuntimeFeatures() asks the program that the options name, and runc alone", async () => {
  await using node = await configWith(`echo '${NEW}'`);
  const { containerd } = node.config;
  const plain = defaultConfig().containerd.runtimes.get("runc");
  assert(plain !== undefined);
  const options = (name: string) => new Map([["BinaryName", name]]);
  const config = {
    ...node.config,
    containerd: {
      ...containerd,
      runtimes: new Map([
        ["absolute", { ...plain, options: options(`${containerd.binaries}/runc`) }],
        ["missing", { ...plain, options: options("no-such-program") }],
        ["kata", { ...plain, type: "io.containerd.kata.v2" }],
      ]),
    },
  };
  assert.deepEqual([...(await findRuntimeFeatures(config)).keys()], ["absolute"]);
});
