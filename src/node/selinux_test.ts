import assert from "node:assert/strict";
import { findSelinux } from "./selinux.ts";

const LABELS = 'process = "u:r:container_t:s0"\nfile = "u:object_r:container_file_t:s0"\n';
const CONTEXTS = { process: "u:r:container_t:s0", file: "u:object_r:container_file_t:s0" };

function find(files: Record<string, string>) {
  return findSelinux((path) => files[path]);
}

Deno.test("findSelinux() finds the policy's contexts by the type that is configured", () => {
  const files = {
    "/sys/fs/selinux/enforce": "0",
    "/proc/self/attr/current": "system_u:system_r:unconfined_t:s0\0",
    "/etc/selinux/config": "# SELINUXTYPE=old\nSELINUX=permissive\nSELINUXTYPE=default\n",
    "/etc/selinux/default/contexts/lxc_contexts": LABELS,
  };
  assert.deepEqual(find(files), { mode: "permissive", contexts: CONTEXTS });
  const enforcing = find({ ...files, "/sys/fs/selinux/enforce": "1" });
  assert.equal(enforcing.mode, "enforcing");
  assert.equal(find({ ...files, "/etc/selinux/config": "" }).contexts, undefined);
});

Deno.test("findSelinux() takes those of container-selinux before the policy's own", () => {
  const found = find({
    "/sys/fs/selinux/enforce": "1",
    "/proc/self/attr/current": "u:r:t:s0",
    "/etc/selinux/targeted/contexts/lxc_contexts": LABELS.replaceAll("container", "old"),
    "/usr/share/containers/selinux/contexts": LABELS,
  });
  assert.deepEqual(found.contexts, CONTEXTS);
});

Deno.test("findSelinux() finds it off without its file system, and without a policy", () => {
  assert.equal(find({ "/proc/self/attr/current": "docker-default (enforce)\n" }).mode, "off");
  const files = { "/sys/fs/selinux/enforce": "0", "/proc/self/attr/current": "kernel\0" };
  assert.equal(find(files).mode, "off");
});
