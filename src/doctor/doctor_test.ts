import assert from "node:assert/strict";
import { ALL, type Differences, fakeNode, GIB, plugin } from "../../tests/fakes/node.ts";
import { CriError } from "../base/errors.ts";
import type { Config } from "../config/table.ts";
import { examine } from "./doctor.ts";
import { type Finding, worstOf } from "./finding.ts";
import { clean } from "./support.ts";
import { parse } from "./yaml.ts";

/** What is wrong with a node, as "check: text". */
async function complaints(d: Differences): Promise<string[]> {
  const findings = await examine(fakeNode(d).node);
  return findings.filter(({ level }) => level !== "ok").map(line);
}

function line({ check, level, text, remedy }: Finding): string {
  assert.notEqual(remedy, "", `${check} has a remedy`);
  return `${level} ${check}: ${text}`;
}

Deno.test("examine() finds nothing wrong with a node on which all is well", async () => {
  const { node, pins, calls } = fakeNode();
  const findings = await examine(node);
  assert.deepEqual(findings.filter(({ level }) => level !== "ok"), []);
  assert.equal(worstOf(findings), "ok");
  assert.deepEqual(calls, ["attach", "detach"]);
  assert.deepEqual([...pins], []);
});

const CRI = plugin("io.containerd.grpc.v1", "cri");
const OVERLAY = plugin("io.containerd.snapshotter.v1", "overlayfs");
const managed = (config: Config): Config => ({
  ...config,
  containerd: { ...config.containerd, managed: true },
});
const labelled = (config: Config): Config => ({
  ...config,
  selinux: { ...config.selinux, enabled: true },
});
const SELINUX = {
  "/sys/fs/selinux/enforce": "1",
  "/proc/self/attr/current": "system_u:system_r:init_t:s0\0",
};
const kubelet = (...args: string[]) => ({
  "/proc/9/cmdline": ["/usr/bin/kubelet", ...args, ""].join("\0"),
});
const OURS = "--container-runtime-endpoint=unix:///run/cri-containerd/cri-containerd.sock";

for (
  const { name, with: d, finds } of [
    {
      name: "without IPv4 forwarding",
      with: { files: { "/proc/sys/net/ipv4/ip_forward": "0\n" } },
      finds: [/^fail forwarding: IPv4 isn't forwarded/],
    },
    {
      name: "without br_netfilter",
      with: { files: { "/proc/sys/net/bridge/bridge-nf-call-iptables": undefined } },
      finds: [/^warn forwarding: br_netfilter isn't loaded/],
    },
    {
      name: "with an old kernel",
      with: { files: { "/proc/sys/kernel/osrelease": "4.14.1" } },
      finds: [/^fail kernel: Linux 4\.14\.1 is older than 4\.18/],
    },
    {
      name: "without overlayfs",
      with: { files: { "/proc/filesystems": "nodev\tproc\n" } },
      finds: [/^fail overlayfs: This kernel has no overlayfs/],
    },
    {
      name: "with cgroup v1 that lacks memory",
      with: {
        files: {
          "/proc/self/mounts": "cgroup /a cgroup rw,cpu,cpuset\ncgroup /b cgroup rw,pids\n",
        },
      },
      finds: [/^warn cgroups: cgroup v1/, /^fail cgroups: Controllers are missing: memory/],
    },
    {
      name: "with AppArmor and no parser",
      with: { files: { "/sys/module/apparmor/parameters/enabled": "Y\n" } },
      finds: [/^warn apparmor: .*apparmor_parser isn't there/],
    },
    {
      name: "with AppArmor and without the profile that the daemon should have loaded",
      with: {
        files: {
          "/sys/module/apparmor/parameters/enabled": "Y\n",
          "/sys/kernel/security/apparmor/profiles": "other (enforce)\n",
          "/usr/sbin/apparmor_parser": "",
        },
      },
      finds: [/^warn apparmor: .*without the profile .*: pods that ask for it are refused/],
    },
    {
      name: "with SELinux wished for and not there",
      with: { config: labelled },
      finds: [/^warn selinux: selinux\.enabled is set, and this node has no SELinux/],
    },
    {
      name: "with SELinux and a policy that knows no containers",
      with: { config: labelled, files: SELINUX },
      finds: [/^warn selinux: SELinux is enforcing, .*no types for containers/],
    },
    {
      name: "in a container without capabilities",
      with: { capabilities: ["CAP_CHOWN"] },
      finds: [/^fail capabilities: Root lacks CAP_SYS_ADMIN, CAP_NET_ADMIN/],
    },
    {
      name: "without CAP_SYS_RESOURCE",
      with: { capabilities: ALL },
      finds: [/^warn capabilities: CAP_SYS_RESOURCE is missing/],
    },
    {
      name: "with few open files",
      with: { files: { "/proc/self/limits": "Max open files  1024  4096  files" } },
      finds: [/^warn limits: Only 4096 open files/],
    },
    {
      name: "with a full disk",
      with: { space: { availableBytes: GIB, freeInodes: 50n } },
      finds: [...Array(3)].flatMap(() => [
        /^fail disk: Only 1 % of the space of/,
        /^warn disk: Only 5 % of the inodes of/,
      ]),
    },
    {
      name: "with a read-only root",
      with: { whyNotWritable: "Read-only file system" },
      finds: [...Array(3)].map(() =>
        /^fail folders: The folder \S+ can't be written to: Read-only/
      ),
    },
    {
      name: "whose clock has no battery",
      with: { year: 1970 },
      finds: [/^fail clock: The clock says 1970/],
    },
    {
      name: "whose clock nobody keeps",
      with: { files: { "/proc/7/cmdline": undefined } },
      finds: [/^warn clock: Nothing seems to keep the clock/],
    },
    {
      name: "without runc, where containerd is managed",
      with: { config: managed, programs: ["containerd", "containerd-shim-runc-v2"] },
      finds: [/^fail programs: runc isn't on PATH/],
    },
    {
      name: "whose containerd is down",
      with: { containerd: { error: new CriError("unavailable", "no connection") } },
      finds: [/^fail containerd: containerd doesn't answer on \/run\/containerd\/containerd\.sock/],
    },
    {
      name: "whose containerd is old",
      with: { containerd: { version: "v1.4.3" } },
      finds: [/^fail containerd: containerd v1\.4\.3 is older than 1\.6/],
    },
    {
      name: "whose snapshotter failed",
      with: { containerd: { plugins: [plugin(OVERLAY.type, OVERLAY.id, "no overlay")] } },
      finds: [/^fail snapshotter: The snapshotter overlayfs failed: no overlay/],
    },
    {
      name: "whose containerd serves the CRI too",
      with: { containerd: { plugins: [OVERLAY, CRI] } },
      finds: [/^warn builtin-cri: containerd's own CRI is on beside this daemon/],
    },
    {
      name: "whose kubelet uses containerd's CRI",
      with: {
        containerd: { plugins: [OVERLAY, CRI] },
        files: kubelet("--container-runtime-endpoint", "unix:///run/containerd/containerd.sock"),
      },
      finds: [/^fail builtin-cri: .*the kubelet uses it/, /^fail kubelet: The kubelet talks with/],
    },
    {
      name: "without a network",
      with: { network: { reason: "no file in /etc/cni/net.d" } },
      finds: [/^fail cni: no file in \/etc\/cni\/net\.d/],
    },
    {
      name: "whose network's plugin fails",
      with: { network: { attach: new CriError("internal", "no iptables") } },
      finds: [/^fail cni-trial: A trial of the network failed: no iptables/],
    },
    {
      name: "whose kubelet has another cgroup driver",
      with: {
        isSystemd: true,
        files: {
          ...kubelet(OURS, "--config=/var/lib/kubelet/config.yaml"),
          "/var/lib/kubelet/config.yaml": "kind: KubeletConfiguration\ncgroupDriver: cgroupfs\n",
        },
      },
      finds: [
        /^fail cgroup-driver: The kubelet's cgroup driver is cgroupfs, and this daemon's sys/,
      ],
    },
    {
      name: "where the daemon doesn't run",
      with: { daemon: "down" as const },
      finds: [/^warn daemon: No daemon answers/],
    },
    {
      name: "whose daemon is finding its pods and has no network",
      with: { daemon: { isRecovered: false, network: false } },
      finds: [/^warn daemon: .*finding its pods/, /^fail daemon: Not NetworkReady: no network/],
    },
  ] satisfies { name: string; with: Differences; finds: RegExp[] }[]
) {
  Deno.test(`examine() of a node ${name} says so, with a remedy`, async () => {
    const found = await complaints(d);
    assert.equal(found.length, finds.length, found.join("\n"));
    finds.forEach((pattern, at) => assert.match(found[at] ?? "", pattern));
  });
}

Deno.test("a trial whose ADD fails is followed by DEL, and its namespace is gone", async () => {
  const { node, pins, calls } = fakeNode({ network: { attach: new Error("half done") } });
  await examine(node);
  assert.deepEqual(calls, ["attach", "detach"]);
  assert.deepEqual([...pins], []);
});

Deno.test("examine() takes a kubelet that names our socket in its file for well", async () => {
  const files = {
    ...kubelet("--config", "/k.yaml"),
    "/k.yaml": 'containerRuntimeEndpoint: "unix:///run/cri-containerd/cri-containerd.sock"\n',
  };
  assert.deepEqual(await complaints({ files }), []);
});

Deno.test("parse() reads plain values at the top, and nothing that is nested", () => {
  const text = 'a: 1\nb: "two"  # word\n"c": \'3\'\nd:\n  a: no\n# e: 5\n- f: 6\n';
  assert.deepEqual([...parse(text)], [["a", "1"], ["b", "two"], ["c", "3"]]);
});

for (
  const { text, cleaned } of [
    { text: '{"password":"hunter2","a":1}', cleaned: '{"password":"[redacted]","a":1}' },
    { text: "token: abc.def", cleaned: 'token: "[redacted]"' },
    { text: 'auth = "dXNlcjpwYXNz"', cleaned: 'auth = "[redacted]"' },
    {
      text: "level=info identityToken=xyz b=1",
      cleaned: 'level=info identityToken="[redacted]" b=1',
    },
    {
      text: "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
      cleaned: "[redacted]",
    },
    { text: '"type": "bridge"', cleaned: '"type": "bridge"' },
  ]
) {
  Deno.test(`clean() of ${text.split("\n")[0]} leaves no secret`, () => {
    assert.equal(clean(text), cleaned);
  });
}
