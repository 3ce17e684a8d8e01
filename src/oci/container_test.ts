import assert from "node:assert/strict";
import { SecurityProfile_ProfileType as Type } from "../gen/cri/v1/api.ts";
import { GOLDEN } from "../../tests/fixtures/oci/golden.ts";
import {
  container,
  HOST,
  ORDINARY,
  pod,
  podConfig,
  RUNTIME,
  sandbox,
} from "../../tests/fixtures/oci/requests.ts";
import { refuses } from "../../tests/fixtures/oci/refuses.ts";
import { DEFAULT_APPARMOR_PROFILE as DEFAULT } from "./apparmor_default.ts";
import { containerSpec } from "./container.ts";
import { encodeSpec } from "./encode.ts";
import type { HostFacts } from "./input.ts";
import { sandboxSpec } from "./sandbox.ts";

const CONTEXT = "config.linux.security_context";

const PRIVILEGED = {
  linux: { securityContext: { privileged: true } },
};
const privilegedPod = pod({ config: podConfig({ securityContext: { privileged: true } }) });

/** Every object and array in a value. */
function parts(value: unknown, found = new Set<object>()): Set<object> {
  if (typeof value !== "object" || value === null || found.has(value)) return found;
  found.add(value);
  for (const part of value instanceof Map ? value.values() : Object.values(value)) {
    parts(part, found);
  }
  return found;
}

for (const [name, input] of Object.entries({ ...GOLDEN.containers, ...GOLDEN.sandboxes })) {
  Deno.test(`specs of ${name} share nothing with each other or their input (CVE-2021-21334)`, () => {
    const given = input();
    const build = () => "pod" in given ? containerSpec(given) : sandboxSpec(given);
    const [one, other] = [build(), build()];
    assert.deepEqual(one, other);
    const elsewhere = new Set([...parts(other), ...parts(given)]);
    for (const part of parts(one)) assert(!elsewhere.has(part), JSON.stringify(part));
    for (const part of parts(one)) if (Array.isArray(part)) part.push("changed");
    assert.deepEqual(build(), other);
  });
}

Deno.test("containerSpec() leaves its input as it was", () => {
  const given = container(ORDINARY);
  const before = structuredClone(given);
  containerSpec(given);
  assert.deepEqual(given, before);
});

Deno.test("containerSpec() of a privileged container takes down the fences", () => {
  const input = container({
    linux: {
      securityContext: {
        privileged: true,
        seccomp: { profileType: Type.RuntimeDefault },
        maskedPaths: ["/proc/kcore"],
        readonlyPaths: ["/proc/sys"],
      },
    },
  }, {
    pod: privilegedPod,
    host: { ...HOST, apparmorProfiles: new Set() },
    selinux: { process: "p", mount: "m" },
  });
  const { process, linux } = containerSpec(input);
  assert.equal(process.capabilities.bounding.length, HOST.capabilities.size);
  assert.deepEqual([linux.seccomp, process.apparmorProfile, process.selinuxLabel], [
    undefined,
    undefined,
    undefined,
  ]);
  assert.deepEqual([linux.maskedPaths, linux.readonlyPaths], [[], []]);
  assert.deepEqual(linux.devices?.map(({ path }) => path), ["/dev/fuse", "/dev/vda"]);
  assert.deepEqual(linux.resources.devices, [{ allow: true, access: "rwm" }]);
  assert(!linux.namespaces.some(({ type }) => type === "cgroup"));
});

Deno.test("containerSpec() keeps the node's devices from privileged containers where set so", () => {
  const runtime = { ...RUNTIME, privilegedWithoutHostDevices: true };
  const { linux } = containerSpec(container(PRIVILEGED, { pod: privilegedPod, runtime }));
  assert.equal(linux.devices, undefined);
  assert.deepEqual(linux.resources.devices, [{ allow: false, access: "rwm" }]);
});

Deno.test("containerSpec() refuses a privileged container in a pod that isn't", () => {
  refuses(() => containerSpec(container(PRIVILEGED)), `${CONTEXT}.privileged`);
});

Deno.test("containerSpec() hides paths of /proc and /sys unless the kubelet has them unmasked", () => {
  const { linux } = containerSpec(container());
  for (const path of ["/proc/interrupts", "/proc/keys", "/sys/devices/virtual/powercap"]) {
    assert(linux.maskedPaths.includes(path), path);
  }
  assert(linux.readonlyPaths.includes("/proc/sys"));
  const unmasked = containerSpec(container({ linux: { securityContext: { noNewPrivs: true } } }));
  assert.deepEqual(unmasked.linux.maskedPaths, []);
  const own = { securityContext: { maskedPaths: ["/bin/ls"] } };
  assert.deepEqual(containerSpec(container({ linux: own })).linux.maskedPaths, ["/bin/ls"]);
});

Deno.test("containerSpec() gives devices their place and their rules", () => {
  const node = { type: "c" as const, major: 10, minor: 1, fileMode: 0o600, uid: 0, gid: 5 };
  const input = container({
    devices: [
      { hostPath: "/dev/fuse", containerPath: "/dev/x", permissions: "r" },
      { hostPath: "/dev/snd", containerPath: "/dev/audio", permissions: "" },
    ],
  }, {
    devices: [[{ ...node, path: "/dev/fuse" }], [{ ...node, path: "/dev/snd/seq", minor: 2 }]],
  });
  const { devices, resources } = containerSpec(input).linux;
  assert.deepEqual(devices?.map(({ path }) => path), ["/dev/x", "/dev/audio/seq"]);
  assert.deepEqual(resources.devices?.slice(1), [
    { allow: true, type: "c", major: 10, minor: 1, access: "r" },
    { allow: true, type: "c", major: 10, minor: 2, access: "rwm" },
  ]);
});

Deno.test("containerSpec() refuses a device that isn't there", () => {
  const devices = [{ hostPath: "/dev/none", containerPath: "/dev/none", permissions: "r" }];
  refuses(() => containerSpec(container({ devices })), "config.devices[0].host_path");
});

Deno.test("containerSpec() lets no annotation of the pod's pose as the runtime's", () => {
  const runtime = { ...RUNTIME, podAnnotations: ["*", "*/*"], containerAnnotations: ["c?.io/x"] };
  const annotations = new Map([["c1.io/x", "1"], ["cc1.io/x", "2"], ["c1xio/x", "3"]]);
  const { annotations: all } = containerSpec(container({ annotations }, { runtime }));
  assert.equal(all["io.kubernetes.cri.container-type"], "container");
  assert.equal(all["kubernetes.io/config.source"], "api");
  assert.deepEqual(Object.keys(all).filter((name) => name.startsWith("c")), ["c1.io/x"]);
  const inSandbox = sandboxSpec(sandbox({ runtime })).annotations;
  assert.equal(inSandbox["io.kubernetes.cri.container-type"], "sandbox");
});

Deno.test("containerSpec() chooses AppArmor's profile by what the kernel has", () => {
  const host: HostFacts = { ...HOST, apparmorProfiles: new Set(["mine", DEFAULT]) };
  const profile = (apparmor?: { profileType: Type; localhostRef?: string }, on = host) => {
    const linux = apparmor === undefined ? {} : { securityContext: { apparmor } };
    return containerSpec(container({ linux }, { host: on })).process.apparmorProfile;
  };
  assert.equal(profile(), DEFAULT);
  assert.equal(profile({ profileType: Type.RuntimeDefault }), DEFAULT);
  const unloaded = { ...HOST, apparmorProfiles: new Set(["mine"]) };
  assert.equal(profile(undefined, unloaded), undefined);
  const wish = () => profile({ profileType: Type.RuntimeDefault }, unloaded);
  refuses(wish, `${CONTEXT}.apparmor`, "failedPrecondition");
  assert.equal(profile({ profileType: Type.Unconfined }), undefined);
  assert.equal(profile({ profileType: Type.Localhost, localhostRef: "localhost/mine" }), "mine");
  const other = { profileType: Type.Localhost, localhostRef: "other" };
  refuses(() => profile(other), `${CONTEXT}.apparmor.localhost_ref`);
  const without = { ...HOST, apparmorProfiles: undefined };
  assert.equal(profile(undefined, without), undefined);
  refuses(() => profile(other, without), `${CONTEXT}.apparmor`, "failedPrecondition");
});

Deno.test("containerSpec() takes allotted SELinux labels and refuses levels that are none", () => {
  const selinux = { process: "u:r:t:s0:c1,c2", mount: "u:r:f:s0:c1,c2" };
  const { process, linux } = containerSpec(container({}, { selinux }));
  assert.deepEqual([process.selinuxLabel, linux.mountLabel], [selinux.process, selinux.mount]);
  const level = (level: string) =>
    containerSpec(container({ linux: { securityContext: { selinuxOptions: { level } } } }));
  for (const good of ["", "s0", "s0:c1,c2", "s0-s1:c0.c1023"]) level(good);
  for (const bad of ["s", "c1", "s0:c1,", "s0:c12345", "s0\n"]) {
    refuses(() => level(bad), `${CONTEXT}.selinux_options.level`);
  }
});

Deno.test("sandboxSpec() refuses a sandbox image that runs nothing", () => {
  const image = { ...sandbox().image, entrypoint: [] };
  assert.throws(() => sandboxSpec(sandbox({ image })), /names no command to run/);
});

Deno.test("encodeSpec() writes 64-bit numbers as they are and leaves out what is undefined", () => {
  const linux = { resources: { memoryLimitInBytes: 2n ** 63n - 1n } };
  const text = new TextDecoder().decode(encodeSpec(containerSpec(container({ linux }))));
  assert(text.includes('"memory":{"limit":9223372036854775807,"swap":9223372036854775807}'));
  assert(!text.includes("undefined") && !text.includes('"hugepageLimits"'));
});
