import assert from "node:assert/strict";
import { container } from "../../tests/fixtures/oci/requests.ts";
import { isKind } from "../base/errors.ts";
import { ContainerConfig } from "../gen/cri/v1/api.ts";
import { applyCdiEdits, cdiNames, checkCdiFile, findCdiEdits } from "./cdi.ts";
import { containerSpec } from "./container.ts";

const GPU = {
  cdiVersion: "0.6.0",
  kind: "vendor.com/gpu",
  containerEdits: {
    env: ["VENDOR=all"],
    hooks: [{ hookName: "createContainer", path: "/usr/bin/hook", args: ["hook", "x"] }],
  },
  devices: [
    {
      name: "0",
      containerEdits: {
        deviceNodes: [{ path: "/dev/gpu0", type: "c", major: 195, minor: 0, permissions: "rw" }],
        env: ["VISIBLE=0"],
      },
    },
    {
      name: "all",
      containerEdits: {
        deviceNodes: [{ path: "/dev/gpu", hostPath: "/dev/fuse" }],
        mounts: [{ hostPath: "/usr/lib/gpu", containerPath: "/usr/lib/gpu", options: ["ro"] }],
        additionalGids: [44, 0],
      },
    },
  ],
};

const file = (change: object = {}) => checkCdiFile("/etc/cdi/gpu.json", { ...GPU, ...change });

const FUSE = { type: "c", major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0 } as const;
const nodesAt = (path: string) => path === "/dev/fuse" ? [{ path, ...FUSE }] : [];

function edited(...names: string[]) {
  const spec = containerSpec(container());
  return applyCdiEdits(spec, findCdiEdits(names, [[file()]]), nodesAt);
}

Deno.test("cdiNames() takes the request's devices and those that annotations name, each once", () => {
  const config = ContainerConfig.fromPartial({
    CDIDevices: [{ name: "a.com/b=1" }, { name: "a.com/b=2" }],
    annotations: new Map([["cdi.k8s.io/plugin", "a.com/b=2,a.com/b=3"], ["other", "a.com/b=4"]]),
  });
  assert.deepEqual(cdiNames(config), ["a.com/b=1", "a.com/b=2", "a.com/b=3"]);
});

Deno.test("applyCdiEdits() adds a device's node, rule and variables, and its file's once", () => {
  const { linux, process, hooks } = edited("vendor.com/gpu=0", "vendor.com/gpu=all");
  assert.deepEqual(linux.devices, [
    { path: "/dev/gpu0", type: "c", major: 195, minor: 0, fileMode: 0o660, uid: 0, gid: 0 },
    { path: "/dev/gpu", ...FUSE },
  ]);
  assert.deepEqual(linux.resources.devices?.slice(1), [
    { allow: true, type: "c", major: 195, minor: 0, access: "rw" },
    { allow: true, type: "c", major: 10, minor: 229, access: "rwm" },
  ]);
  assert.deepEqual(process.env.slice(-2), ["VISIBLE=0", "VENDOR=all"]);
  assert.equal(process.env.filter((entry) => entry.startsWith("VENDOR=")).length, 1);
  assert.deepEqual(hooks, {
    createContainer: [{ path: "/usr/bin/hook", args: ["hook", "x"] }],
  });
});

Deno.test("applyCdiEdits() adds mounts and groups", () => {
  const before = containerSpec(container());
  const { mounts, process } = edited("vendor.com/gpu=all");
  assert.deepEqual(mounts.at(-1), {
    destination: "/usr/lib/gpu",
    type: "bind",
    source: "/usr/lib/gpu",
    options: ["rbind", "ro"],
  });
  assert.deepEqual(process.user.additionalGids, [
    ...new Set([...before.process.user.additionalGids, 44]),
  ]);
});

Deno.test("findCdiEdits() prefers the later folder, and refuses two in one", () => {
  const other = file({
    devices: [{ name: "0", containerEdits: { env: ["FROM=run"] } }],
    containerEdits: undefined,
  });
  const name = "vendor.com/gpu=0";
  assert.deepEqual(findCdiEdits([name], [[file()], [other]]).map(({ env }) => env), [["FROM=run"]]);
  assert.throws(
    () => findCdiEdits([name], [[file(), other]]),
    (error) => isKind(error, "failedPrecondition") && /Two CDI files/.test(error.message),
  );
});

Deno.test("findCdiEdits() says which device no file has", () => {
  for (const name of ["vendor.com/gpu=9", "vendor.com/nic=0", "gpu", ""]) {
    assert.throws(
      () => findCdiEdits([name], [[file()]]),
      (error) => isKind(error, "failedPrecondition") && error.text.includes("cdi.spec_dirs"),
    );
  }
});

Deno.test("applyCdiEdits() refuses a node of which neither file nor node say what it is", () => {
  const devices = [{ name: "0", containerEdits: { deviceNodes: [{ path: "/dev/none" }] } }];
  const edits = findCdiEdits(["vendor.com/gpu=0"], [[file({ devices })]]);
  assert.throws(
    () => applyCdiEdits(containerSpec(container()), edits, nodesAt),
    (error) => isKind(error, "failedPrecondition") && /\/dev\/none/.test(error.message),
  );
});

const BROKEN: [place: string, change: object][] = [
  ["cdiVersion", { cdiVersion: "9.0.0" }],
  ["kind", { kind: "gpu" }],
  ["kind", { kind: "vendor.com/../x" }],
  ["devices", { devices: [] }],
  ["devices.0.name", { devices: [{ name: "a b", containerEdits: {} }] }],
  ["containerEdits.env.0", { containerEdits: { env: ["=x"] } }],
  ["containerEdits.deviceNodes.0.path", { containerEdits: { deviceNodes: [{ path: "x" }] } }],
  ["containerEdits.hooks.0.hookName", {
    containerEdits: { hooks: [{ hookName: "x", path: "/x" }] },
  }],
  ["containerEdits.netDevices", { containerEdits: { netDevices: [{}] } }],
];

for (const [place, change] of BROKEN) {
  Deno.test(`checkCdiFile() refuses ${JSON.stringify(change)} by its place`, () => {
    assert.throws(
      () => file(change),
      (error) => isKind(error, "failedPrecondition") && error.message.includes(`json: ${place}:`),
    );
  });
}
