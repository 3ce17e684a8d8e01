import assert from "node:assert/strict";
import { refuses } from "../../tests/fixtures/oci/refuses.ts";
import { cgroupPath, cgroupsPath } from "./cgroups.ts";

const CASES = [
  { driver: "cgroupfs", parent: "/kubepods/burstable/pod1", is: "/kubepods/burstable/pod1/c1" },
  { driver: "cgroupfs", parent: "kubepods//x/", is: "/kubepods/x/c1" },
  { driver: "cgroupfs", parent: "/../..", is: "/c1" },
  { driver: "cgroupfs", parent: "/", is: "/c1" },
  { driver: "cgroupfs", parent: "", is: "/k8s.io/c1" },
  { driver: "cgroupfs", parent: "/test.slice", is: "/test.slice/c1" },
  { driver: "systemd", parent: "/a.slice/a-b.slice", is: "a-b.slice:cri-containerd:c1" },
  { driver: "systemd", parent: "a.slice", is: "a.slice:cri-containerd:c1" },
  { driver: "systemd", parent: "", is: "system.slice:cri-containerd:c1" },
] as const;

for (const { driver, parent, is } of CASES) {
  Deno.test(`cgroupsPath() with ${driver} makes ${is} below ${JSON.stringify(parent)}`, () => {
    assert.equal(cgroupsPath(driver, { parent, id: "c1" }), is);
  });
}

const PATHS = [
  { driver: "cgroupfs", parent: "/kubepods/pod1", is: "/kubepods/pod1/c1" },
  {
    driver: "systemd",
    parent: "/kubepods.slice/kubepods-pod1.slice",
    is: "/kubepods.slice/kubepods-pod1.slice/cri-containerd-c1.scope",
  },
  { driver: "systemd", parent: "", is: "/system.slice/cri-containerd-c1.scope" },
  { driver: "systemd", parent: "-.slice", is: "/cri-containerd-c1.scope" },
] as const;

for (const { driver, parent, is } of PATHS) {
  Deno.test(`cgroupPath() with ${driver} is ${is} below ${JSON.stringify(parent)}`, () => {
    assert.equal(cgroupPath(driver, { parent, id: "c1" }), is);
  });
}

Deno.test("cgroupsPath() with systemd refuses a parent that is no slice", () => {
  for (const parent of ["/kubepods/pod1", "/", "a:b.slice", ".slice/x", ".slice"]) {
    refuses(() => cgroupsPath("systemd", { parent, id: "c1" }), "config.linux.cgroup_parent");
  }
});
