import assert from "node:assert/strict";
import { container } from "../../tests/fixtures/oci/requests.ts";
import { isKind } from "../base/errors.ts";
import { parseBaseSpec } from "./base_spec.ts";
import { containerSpec } from "./container.ts";
import { encodeSpec } from "./encode.ts";

const BASE = {
  ociVersion: "1.0.2",
  process: {
    args: ["/never"],
    env: ["PATH=/never", "FROM_BASE=1"],
    rlimits: [{ type: "RLIMIT_NOFILE", soft: 1024, hard: 4096 }],
  },
  hooks: { poststop: [{ path: "/usr/bin/log" }] },
  mounts: [
    { destination: "/proc", type: "proc", source: "proc" },
    { destination: "/usr/share/site", type: "bind", source: "/etc/site", options: ["rbind", "ro"] },
  ],
  annotations: { "example.com/base": "yes" },
  linux: { resources: { blockIO: { weight: 100 } }, maskedPaths: ["/never"] },
};

function decoded(base?: ReturnType<typeof parseBaseSpec>) {
  return JSON.parse(new TextDecoder().decode(encodeSpec(containerSpec(container()), base)));
}

Deno.test("a spec on a base has the base's limits, hooks, mounts and variables besides its own", () => {
  const own = decoded();
  const spec = decoded(parseBaseSpec({ path: "/etc/base.json", text: JSON.stringify(BASE) }));
  assert.deepEqual(spec.process.rlimits, BASE.process.rlimits);
  assert.deepEqual(spec.hooks, BASE.hooks);
  assert.deepEqual(spec.process.env, ["FROM_BASE=1", ...own.process.env]);
  assert.deepEqual(spec.mounts, [BASE.mounts[1], ...own.mounts]);
  assert.deepEqual(spec.annotations, { ...BASE.annotations, ...own.annotations });
  assert.deepEqual(spec.linux, {
    ...own.linux,
    resources: { blockIO: { weight: 100 }, ...own.linux.resources },
  });
  assert.deepEqual([spec.process.args, spec.ociVersion], [own.process.args, own.ociVersion]);
});

Deno.test("parseBaseSpec() says which file is wrong and where", () => {
  for (const text of ["{", '{"mounts":[{}]}', '{"process":{"env":[1]}}', '"x"']) {
    assert.throws(
      () => parseBaseSpec({ path: "/etc/base.json", text }),
      (error) => isKind(error, "failedPrecondition") && error.message.includes("/etc/base.json"),
    );
  }
});
