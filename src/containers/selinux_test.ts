import assert from "node:assert/strict";
import { containerRecord, sandboxRecord } from "../../tests/fakes/records.ts";
import { fakeSelinux } from "../../tests/fakes/selinux.ts";
import { CriError, isKind } from "../base/errors.ts";
import { ContainerConfig, PodSandboxConfig } from "../gen/cri/v1/api.ts";
import {
  allotContainerLabel,
  allotPodLabel,
  filesLabel,
  relabelMounts,
  releaseLevel,
  specLabels,
  takeLevel,
} from "./selinux.ts";

const LABEL = "system_u:system_r:container_t:s0:c1,c2";
const FILES = "system_u:object_r:container_file_t:s0:c1,c2";
const never = new AbortController().signal;

/** A pod with a label. */
function podOf(processLabel: string) {
  const pod = sandboxRecord("web");
  return { ...pod, metadata: { ...pod.metadata, processLabel } };
}

function podConfig(selinuxOptions?: Record<string, string>) {
  return PodSandboxConfig.fromPartial({
    linux: { securityContext: selinuxOptions === undefined ? {} : { selinuxOptions } },
  });
}

function containerConfig(selinuxOptions?: Record<string, string>) {
  return ContainerConfig.fromPartial({
    linux: { securityContext: selinuxOptions === undefined ? {} : { selinuxOptions } },
  });
}

Deno.test("allotPodLabel() gives pods levels of their own until they are released", () => {
  const deps = { selinux: fakeSelinux() };
  const one = allotPodLabel(deps, { id: "1", config: podConfig() });
  const two = allotPodLabel(deps, { id: "2", config: podConfig() });
  assert.match(one, /^system_u:system_r:container_t:s0:c\d+,c\d+$/);
  assert.notEqual(one, two);
  assert.equal(deps.selinux.levels.size, 2);
  releaseLevel(deps, "1");
  releaseLevel(deps, "2");
  assert.equal(deps.selinux.levels.size, 0);
});

Deno.test("allotPodLabel() takes what the pod asks for, and holds the level that it names", () => {
  const deps = { selinux: fakeSelinux() };
  const config = podConfig({ type: "my_t", level: "s0:c2,c1" });
  assert.equal(allotPodLabel(deps, { id: "1", config }), "system_u:system_r:my_t:s0:c2,c1");
  assert.equal(deps.selinux.levels.size, 1);
});

Deno.test("allotPodLabel() refuses a type that can't be, and then holds nothing", () => {
  const deps = { selinux: fakeSelinux() };
  const config = podConfig({ type: "a:b" });
  const isInvalid = (error: unknown) => isKind(error, "invalidArgument");
  assert.throws(() => allotPodLabel(deps, { id: "1", config }), isInvalid);
  assert.equal(deps.selinux.levels.size, 0);
});

Deno.test("allotContainerLabel() is the pod's, and on the pod's level when another type is asked for", () => {
  const deps = { selinux: fakeSelinux() };
  const pod = podOf(LABEL);
  const label = (options?: Record<string, string>) =>
    allotContainerLabel(deps, { id: "c", config: containerConfig(options), pod });
  assert.equal(label(), LABEL);
  assert.equal(label({}), LABEL);
  assert.equal(label({ type: "my_t" }), "system_u:system_r:my_t:s0:c1,c2");
  assert.equal(deps.selinux.levels.size, 0);
  assert.equal(label({ level: "s0:c7,c8" }), "system_u:system_r:container_t:s0:c7,c8");
  assert.equal(deps.selinux.levels.size, 1);
});

Deno.test("allotContainerLabel() gives a container of a pod without a label a level of its own", () => {
  const deps = { selinux: fakeSelinux() };
  const config = containerConfig();
  const label = allotContainerLabel(deps, { id: "c", config, pod: podOf("") });
  assert.match(label, /^system_u:system_r:container_t:s0:c\d+,c\d+$/);
  assert.equal(deps.selinux.levels.size, 1);
});

Deno.test("without SELinux nothing has a label", () => {
  assert.equal(allotPodLabel({}, { id: "1", config: podConfig() }), "");
  assert.equal(filesLabel({}, { processLabel: LABEL }), "");
  assert.equal(specLabels({}, { processLabel: LABEL }), undefined);
  takeLevel({}, podOf(LABEL));
});

Deno.test("takeLevel() holds the level of a record, so that no new pod gets it", () => {
  const deps = { selinux: fakeSelinux() };
  takeLevel(deps, podOf(LABEL));
  takeLevel(deps, podOf(""));
  assert.equal(deps.selinux.levels.size, 0, "a record without a label holds none");
  takeLevel(deps, podOf(LABEL));
  assert.equal(deps.selinux.levels.size, 1);
});

function withMounts(...mounts: { hostPath: string; selinuxRelabel: boolean }[]) {
  const { metadata } = containerRecord(podOf(LABEL), "c");
  const config = ContainerConfig.fromPartial({
    mounts: mounts.map((mount) => ({ ...mount, containerPath: mount.hostPath })),
  });
  return {
    metadata: { ...metadata, config, processLabel: LABEL },
    sources: mounts.map(({ hostPath: path }) => ({ path })),
  };
}

Deno.test("relabelMounts() labels the volumes for which that is asked, and no other", async () => {
  const deps = { selinux: fakeSelinux() };
  const mounts = withMounts(
    { hostPath: "/srv/asked", selinuxRelabel: true },
    { hostPath: "/srv/other", selinuxRelabel: false },
  );
  await relabelMounts(deps, mounts, never);
  assert.deepEqual([...deps.selinux.labels], [["/srv/asked", FILES]]);
});

for (
  const path of ["/", "/usr", "/usr/lib/x", "/etc", "/etc/shadow", "/home", "/var/lib", "/dev/sda"]
) {
  Deno.test(`relabelMounts() never relabels ${path}`, async () => {
    const deps = { selinux: fakeSelinux() };
    const mounts = withMounts({ hostPath: path, selinuxRelabel: true });
    await assert.rejects(
      relabelMounts(deps, mounts, never),
      /^CriError: config\.mounts\[0\]\.selinux_relabel: .* is the system's and keeps its labels/,
    );
    assert.equal(deps.selinux.labels.size, 0);
  });
}

Deno.test("relabelMounts() looks at where a link leads, not at what it is called", async () => {
  const deps = { selinux: fakeSelinux() };
  const { metadata } = withMounts({ hostPath: "/srv/link", selinuxRelabel: true });
  const mounts = { metadata, sources: [{ path: "/etc" }] };
  await assert.rejects(relabelMounts(deps, mounts, never), /\/etc is the system's/);
});

Deno.test("relabelMounts() names the mount whose files can't be labelled", async () => {
  const selinux = {
    ...fakeSelinux(),
    files: {
      label: () => {},
      relabel: () => Promise.reject(new CriError("failedPrecondition", "Cannot label /srv/a/b")),
    },
  };
  const mounts = withMounts({ hostPath: "/srv/a", selinuxRelabel: true });
  await assert.rejects(
    relabelMounts({ selinux }, mounts, never),
    /config\.mounts\[0\]\.selinux_relabel: Cannot label \/srv\/a\/b/,
  );
});
