/** The kernel: its age, file systems, forwarding, cgroups. */
import { isKernelFrom } from "../oci/kernel.ts";
import { type Finding, findingsOf } from "./finding.ts";
import { type Check, type Node, readText } from "./node.ts";

export const checkKernel: Check = (node) => {
  const { ok, fail, warn } = findingsOf("kernel");
  const release = readText(node, "/proc/sys/kernel/osrelease");
  const age = isKernelFrom(release, [5, 4])
    ? ok(`Linux ${release}`)
    : isKernelFrom(release, [4, 18])
    ? warn(`Linux ${release} is older than 5.4`, "a newer kernel has fewer faults with containers")
    : fail(`Linux ${release} is older than 4.18`, "install a newer kernel");
  return [age, overlay(node)];
};

function overlay(node: Node): Finding {
  const { ok, warn, fail } = findingsOf("overlayfs");
  const { snapshotter } = node.config.containerd;
  if (snapshotter !== "overlayfs") return ok(`The snapshotter is ${snapshotter}, not overlayfs`);
  if (/\boverlay$/m.test(readText(node, "/proc/filesystems"))) return ok("overlayfs is there");
  const release = readText(node, "/proc/sys/kernel/osrelease");
  const modules = readText(node, `/lib/modules/${release}/modules.dep`);
  return /\/overlay\.ko/.test(modules)
    ? warn(
      "overlayfs is a module that isn't loaded",
      "modprobe overlay, and name it in /etc/modules-load.d/",
    )
    : fail("This kernel has no overlayfs", 'set containerd.snapshotter = "native"');
}

export const checkForwarding: Check = (node) => {
  const { ok, warn, fail } = findingsOf("forwarding");
  const forward = readText(node, "/proc/sys/net/ipv4/ip_forward");
  const bridge = readText(node, "/proc/sys/net/bridge/bridge-nf-call-iptables");
  return [
    forward === "1" ? ok("IPv4 is forwarded") : fail(
      "IPv4 isn't forwarded: pods reach nothing outside the node",
      "sysctl -w net.ipv4.ip_forward=1, and write it to /etc/sysctl.d/",
    ),
    bridge === "1" ? ok("iptables sees bridged traffic") : warn(
      bridge === ""
        ? "br_netfilter isn't loaded: iptables doesn't see traffic between pods of a bridge"
        : "bridge-nf-call-iptables is off: iptables doesn't see traffic between pods of a bridge",
      "modprobe br_netfilter and sysctl -w net.bridge.bridge-nf-call-iptables=1, where services " +
        "of pods on the same node are reached by kube-proxy's rules",
    ),
  ];
};

/** Without these the limits of pods mean nothing. */
const CONTROLLERS = ["cpu", "memory", "pids", "cpuset"] as const;

export const checkCgroups: Check = (node) => {
  const { ok, warn, fail } = findingsOf("cgroups");
  const mounts = readText(node, "/proc/self/mounts").split("\n").map((line) => line.split(" "));
  const isV2 = mounts.some(([, path, type]) => path === "/sys/fs/cgroup" && type === "cgroup2");
  const there = isV2
    ? readText(node, "/sys/fs/cgroup/cgroup.controllers").split(/\s+/)
    : mounts.filter(([, , type]) => type === "cgroup").flatMap(([, , , options]) =>
      (options ?? "").split(",")
    );
  const missing = CONTROLLERS.filter((name) => !there.includes(name));
  return [
    isV2 ? ok("cgroup v2") : warn(
      "cgroup v1, which Kubernetes no longer develops for",
      "boot with systemd.unified_cgroup_hierarchy=1, or a newer distribution",
    ),
    missing.length === 0 ? ok(`Controllers: ${CONTROLLERS.join(", ")}`) : fail(
      `Controllers are missing: ${missing.join(", ")}`,
      "the kernel's command line must not switch them off (cgroup_disable=…); some boards want " +
        "cgroup_enable=memory",
    ),
  ];
};

export const checkSecurity: Check = (node) => {
  const apparmor = findingsOf("apparmor");
  const selinux = findingsOf("selinux");
  const isAppArmor = readText(node, "/sys/module/apparmor/parameters/enabled").startsWith("Y");
  const enforce = readText(node, "/sys/fs/selinux/enforce");
  const parser = isAppArmor && !hasParser(node);
  return [
    parser
      ? apparmor.warn(
        "AppArmor is on, and apparmor_parser isn't there to load profiles",
        "install the package apparmor",
      )
      : apparmor.ok(isAppArmor ? "AppArmor is on" : "This node has no AppArmor"),
    selinux.ok(
      enforce === ""
        ? "This node has no SELinux"
        : `SELinux is ${enforce === "1" ? "enforcing" : "permissive"}`,
    ),
  ];
};

function hasParser(node: Node): boolean {
  return ["/sbin", "/usr/sbin"].some((folder) => {
    try {
      return node.linux.listFolder(folder).includes("apparmor_parser");
    } catch {
      return false;
    }
  });
}
