import assert from "node:assert/strict";
import { Mount, MountPropagation, NamespaceMode } from "../gen/cri/v1/api.ts";
import { container, HOST, pod, podConfig, RUNTIME } from "../../tests/fixtures/oci/requests.ts";
import { refuses } from "../../tests/fixtures/oci/refuses.ts";
import type { ContainerSpecInput } from "./input.ts";
import { containerMounts, imageVolumePaths } from "./mounts.ts";

type Parts = Parameters<typeof Mount.fromPartial>[0];
type Change = Partial<ContainerSpecInput>;

const { PROPAGATION_BIDIRECTIONAL, PROPAGATION_HOST_TO_CONTAINER } = MountPropagation;

function mountsOf(mounts: Parts[], change: Change = {}, linux: object = {}) {
  const withPaths = mounts.map((mount) => ({ hostPath: "/src", containerPath: "/dst", ...mount }));
  return containerMounts(container({ mounts: withPaths, linux }, change), undefined);
}

function destinations(mounts: Parts[], change: Change = {}): string[] {
  return mountsOf(mounts, change).mounts.map(({ destination }) => destination);
}

function at(destination: string, mounts: Parts[], change: Change = {}, linux: object = {}) {
  const found = mountsOf(mounts, change, linux).mounts.filter((mount) =>
    mount.destination === destination
  );
  assert.equal(found.length, 1, destination);
  return found[0];
}

Deno.test("containerMounts() puts mounts nearer to the root first, in the request's order else", () => {
  const order = destinations([
    { containerPath: "/a/b/c" },
    { containerPath: "/z" },
    { containerPath: "/a" },
    { containerPath: "/a//b/" },
  ], { volumes: [{ containerPath: "/a/b/c/v", hostPath: "/v" }] });
  assert.deepEqual(order, [
    "/proc",
    "/dev",
    "/dev/pts",
    "/dev/mqueue",
    "/sys",
    "/sys/fs/cgroup",
    "/z",
    "/a",
    "/a/b",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/dev/shm",
    "/a/b/c",
    "/a/b/c/v",
  ]);
});

for (
  const path of ["/etc/hosts", "/etc/hostname", "/etc//resolv.conf", "/dev/shm/", "/sys", "/vol"]
) {
  Deno.test(`containerMounts() leaves ${path} to the request`, () => {
    const volumes = [{ containerPath: "/vol", hostPath: "/v" }];
    const clean = path.replace(/\/+/g, "/").replace(/\/$/, "");
    assert.equal(at(clean, [{ containerPath: path }], { volumes })?.source, "/src");
  });
}

Deno.test("containerMounts() adds nothing below a /dev of the request's", () => {
  const below = destinations([{ containerPath: "/dev" }]).filter((path) => path.startsWith("/dev"));
  assert.deepEqual(below, ["/dev", "/dev/shm"]);
});

Deno.test("containerMounts() binds the source that was found, not the path that was asked for", () => {
  const change = { mountSources: [{ path: "/real" }] };
  assert.equal(at("/dst", [{ hostPath: "/link" }], change)?.source, "/real");
});

const IMAGE = { image: "web", annotations: new Map(), userSpecifiedImage: "" };
const OPTIONS: { name: string; mount: Parts; is: string[]; root?: string }[] = [
  { name: "plain mounts", mount: {}, is: ["rbind", "rprivate", "rw"] },
  { name: "read-only mounts", mount: { readonly: true }, is: ["rbind", "rprivate", "ro"] },
  { name: "images", mount: { image: IMAGE, hostPath: "" }, is: ["rbind", "rprivate", "ro"] },
  {
    name: "recursively read-only mounts",
    mount: { readonly: true, recursiveReadOnly: true },
    is: ["rbind", "rprivate", "rro"],
  },
  {
    name: "mounts that follow the node's",
    mount: { propagation: PROPAGATION_HOST_TO_CONTAINER },
    is: ["rbind", "rslave", "rw"],
    root: "rslave",
  },
  {
    name: "mounts that go both ways",
    mount: { propagation: PROPAGATION_BIDIRECTIONAL },
    is: ["rbind", "rshared", "rw"],
    root: "rshared",
  },
];

for (const { name, mount, is, root } of OPTIONS) {
  Deno.test(`containerMounts() gives ${name} ${is.join()}`, () => {
    assert.deepEqual(at("/dst", [mount])?.options, is);
    assert.equal(mountsOf([mount]).rootfsPropagation, root);
  });
}

Deno.test("containerMounts() has the root share as much as the widest mount", () => {
  const modes = [PROPAGATION_BIDIRECTIONAL, PROPAGATION_HOST_TO_CONTAINER];
  const mounts = modes.map((propagation, index) => ({ propagation, containerPath: `/m${index}` }));
  assert.equal(mountsOf(mounts).rootfsPropagation, "rshared");
});

const SHARING = [
  { propagation: PROPAGATION_BIDIRECTIONAL, sharing: "private" },
  { propagation: PROPAGATION_BIDIRECTIONAL, sharing: "slave" },
  { propagation: PROPAGATION_HOST_TO_CONTAINER, sharing: "private" },
] as const;

for (const { propagation, sharing } of SHARING) {
  Deno.test(`containerMounts() refuses propagation ${propagation} from a ${sharing} mount`, () => {
    const change = { mountSources: [{ path: "/src", sharing }] };
    refuses(() => mountsOf([{ propagation }], change), "config.mounts[0].propagation");
  });
}

const REFUSED: { name: string; mount: Parts; field: string }[] = [
  { name: "the root itself", mount: { containerPath: "/x/.." }, field: "container_path" },
  { name: "unknown propagation", mount: { propagation: -1 }, field: "propagation" },
  {
    name: "recursion without read-only",
    mount: { recursiveReadOnly: true },
    field: "recursive_read_only",
  },
  {
    name: "recursion with propagation",
    mount: {
      recursiveReadOnly: true,
      readonly: true,
      propagation: PROPAGATION_HOST_TO_CONTAINER,
    },
    field: "recursive_read_only",
  },
  {
    name: "mappings of users alone",
    mount: { uidMappings: [{ containerId: 0, hostId: 1, length: 1 }] },
    field: "uid_mappings",
  },
];

for (const { name, mount, field } of REFUSED) {
  Deno.test(`containerMounts() refuses ${name}`, () => {
    const mounts = [{ containerPath: "/first" }, mount];
    refuses(() => mountsOf(mounts), `config.mounts[1].${field}`);
  });
}

Deno.test("containerMounts() tells the kubelet when the runtime can't mount read-only recursively", () => {
  const change = { runtime: { ...RUNTIME, recursiveReadonlyMounts: false } };
  const mounts = [{ readonly: true, recursiveReadOnly: true }];
  refuses(() => mountsOf(mounts, change), "RROUnsupported", "failedPrecondition");
});

Deno.test("containerMounts() makes the pod's files read-only with a read-only root", () => {
  const linux = { securityContext: { readonlyRootfs: true } };
  for (const path of ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"]) {
    assert.deepEqual(at(path, [], {}, linux)?.options, ["rbind", "rprivate", "ro"]);
  }
  assert.deepEqual(at("/dev/shm", [], {}, linux)?.options, ["rbind", "rprivate", "rw"]);
});

Deno.test("containerMounts() shares the node's memory in the node's IPC namespace", () => {
  const config = podConfig({ securityContext: { namespaceOptions: { ipc: NamespaceMode.NODE } } });
  assert.equal(at("/dev/shm", [], { pod: pod({ config }) })?.source, "/dev/shm");
});

Deno.test("containerMounts() lets privileged containers write to /sys and cgroups", () => {
  const linux = { securityContext: { privileged: true } };
  assert.equal(at("/sys", [], {}, linux)?.options.at(-1), "rw");
  const cgroup = at("/sys/fs/cgroup", [], {}, linux)?.options ?? [];
  assert(cgroup.includes("rw") && cgroup.includes("nsdelegate"), "the node's own options stay");
  const v1 = { host: { ...HOST, cgroupVersion: 1 as const } };
  assert(!at("/sys/fs/cgroup", [], v1, linux)?.options.includes("nsdelegate"));
});

Deno.test("imageVolumePaths() keeps paths in the root (CVE-2022-23648) and off the request's", () => {
  const asked = [Mount.fromPartial({ containerPath: "/data/" })];
  const volumes = ["/../../etc", "data", "/var//lib", "/var/lib/", "/", "..", ""];
  assert.deepEqual(imageVolumePaths(volumes, asked), ["/etc", "/var/lib"]);
});
