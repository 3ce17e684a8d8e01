/** The kernel: its age, file systems, forwarding, cgroups. */
import { findSelinux } from "../node/selinux.ts";
import { DEFAULT_APPARMOR_PROFILE } from "../oci/apparmor_default.ts";
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

export const checkSecurity: Check = async (node) => [await apparmor(node), selinux(node)];

function selinux(node: Node): Finding {
  const { ok, warn } = findingsOf("selinux");
  const { enabled } = node.config.selinux;
  const { mode, contexts } = findSelinux((path) => node.linux.readFileIfAny(path));
  if (mode === "off") {
    return enabled
      ? warn(
        "selinux.enabled is set, and this node has no SELinux",
        "boot with security=selinux and a policy, or leave the key out",
      )
      : ok("This node has no SELinux");
  }
  if (!enabled) {
    return ok(`SELinux is ${mode}; containers get no labels, for selinux.enabled isn't set`);
  }
  if (contexts !== undefined) return ok(`SELinux is ${mode}, and containers are labelled`);
  return warn(
    `SELinux is ${mode}, and its policy has no types for containers: they get no labels`,
    "install the package container-selinux, and restart the daemon",
  );
}

async function apparmor(node: Node): Promise<Finding> {
  const { ok, warn } = findingsOf("apparmor");
  if (!readText(node, "/sys/module/apparmor/parameters/enabled").startsWith("Y")) {
    return ok("This node has no AppArmor");
  }
  const loaded = readText(node, "/sys/kernel/security/apparmor/profiles").split("\n");
  if (loaded.some((line) => line.startsWith(`${DEFAULT_APPARMOR_PROFILE} `))) {
    return ok(`AppArmor is on, with the profile ${DEFAULT_APPARMOR_PROFILE}`);
  }
  if (!hasParser(node)) {
    const text = "AppArmor is on, and apparmor_parser isn't there to load profiles";
    return warn(text, "install the package apparmor, and restart the daemon");
  }
  // The daemon loads it when it starts.
  if (await node.askDaemon() === undefined) return ok("AppArmor is on");
  return warn(
    `AppArmor is on without the profile ${DEFAULT_APPARMOR_PROFILE}: pods that ask for it are refused`,
    "restart the daemon, which loads it and needs CAP_MAC_ADMIN for that; its log says what failed",
  );
}

function hasParser(node: Node): boolean {
  return ["/sbin", "/usr/sbin"].some((folder) => {
    try {
      return node.linux.listFolder(folder).includes("apparmor_parser");
    } catch {
      return false;
    }
  });
}
