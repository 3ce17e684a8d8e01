import assert from "node:assert/strict";
import { SELinuxOption } from "../gen/cri/v1/api.ts";
import { isKind } from "../base/errors.ts";
import {
  checkSelinux,
  inContext,
  mountLabel,
  parseContexts,
  processLabel,
  type SelinuxContexts,
  sharedLabel,
} from "./selinux.ts";

const FILE = `# what containers are
process = "system_u:system_r:container_t:s0"
content = "system_u:object_r:virt_var_lib_t:s0"
 file = "system_u:object_r:container_file_t:s0"
ro_file="system_u:object_r:container_ro_file_t:s0"
`;
const CONTEXTS: SelinuxContexts = {
  process: "system_u:system_r:container_t:s0",
  file: "system_u:object_r:container_file_t:s0",
};
const LEVEL = "s0:c1,c2";

Deno.test("parseContexts() finds the labels of processes and files", () => {
  assert.deepEqual(parseContexts(FILE), CONTEXTS);
});

Deno.test("parseContexts() finds nothing in a file without either of them, or with what is no label", () => {
  assert.equal(parseContexts(""), undefined);
  assert.equal(parseContexts('process = "system_u:system_r:container_t:s0"\n'), undefined);
  assert.equal(parseContexts('process = "container_t"\nfile = "u:object_r:f:s0"\n'), undefined);
});

Deno.test("processLabel() is the policy's on the level, but for what is asked for", () => {
  const label = (options: Partial<SELinuxOption> | undefined, level = LEVEL) =>
    processLabel(CONTEXTS, { options: options && SELinuxOption.fromPartial(options), level });
  assert.equal(label(undefined), `system_u:system_r:container_t:${LEVEL}`);
  assert.equal(label({ type: "my_t" }), `system_u:system_r:my_t:${LEVEL}`);
  assert.equal(label({ user: "u", role: "r" }, "s0"), "u:r:container_t:s0");
});

Deno.test("processLabel() has no level under a policy without levels", () => {
  const contexts = { process: "user_u:system_r:c_t", file: "user_u:object_r:f_t" };
  const process = processLabel(contexts, { options: undefined, level: LEVEL });
  assert.equal(process, "user_u:system_r:c_t");
  assert.equal(mountLabel(contexts, process), "user_u:object_r:f_t");
});

Deno.test("mountLabel() takes user and level from the process, role and type from the policy", () => {
  const label = (process: string) => mountLabel(CONTEXTS, process);
  assert.equal(
    label(`system_u:system_r:my_t:${LEVEL}`),
    `system_u:object_r:container_file_t:${LEVEL}`,
  );
  assert.equal(label("u:r:t:s0-s1:c0.c9"), "u:object_r:container_file_t:s0-s1:c0.c9");
  assert.equal(label(""), "");
});

Deno.test("sharedLabel() has the sensitivity and no category", () => {
  assert.equal(sharedLabel("u:object_r:f_t:s0:c1,c2"), "u:object_r:f_t:s0");
  assert.equal(sharedLabel("u:object_r:f_t"), "u:object_r:f_t");
});

Deno.test("checkSelinux() refuses names that would end the option of a mount, and levels that are none", () => {
  const check = (options: Partial<SELinuxOption>) =>
    checkSelinux(SELinuxOption.fromPartial(options));
  check({ user: "system_u", role: "system_r", type: "my-own.type_t", level: "s0:c4,c5" });
  for (
    const bad of [
      { type: 't",noexec,context="x' },
      { type: "a:b" },
      { user: "a,b" },
      { role: "r\0" },
      { user: "-u" },
      { level: "s0,c4,c5" },
      { level: 's0"' },
    ]
  ) {
    assert.throws(
      () => check(bad),
      (error) => isKind(error, "invalidArgument"),
      JSON.stringify(bad),
    );
  }
});

Deno.test("inContext() adds the label in quotes to every mount, and nothing without one", () => {
  const label = "system_u:object_r:container_file_t:s0:c1,c2";
  const mounts = [{ type: "overlay", source: "overlay", target: "", options: ["index=off"] }];
  assert.deepEqual(inContext(mounts, label)[0]?.options, ["index=off", `context="${label}"`]);
  assert.deepEqual(inContext(mounts, ""), mounts);
});
