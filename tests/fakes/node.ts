/** A node for the doctor's checks: healthy, but for what a test says of it. */
import { defaultConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/table.ts";
import type { Node } from "../../src/doctor/node.ts";

export const GIB = 1024n ** 3n;
const SPACE = {
  totalBytes: 100n * GIB,
  freeBytes: 50n * GIB,
  availableBytes: 50n * GIB,
  inodes: 1_000n,
  freeInodes: 900n,
};

/** The files of a node on which all is well, but for a kubelet, which it hasn't. */
const FILES: Readonly<Record<string, string>> = {
  "/proc/sys/kernel/osrelease": "6.1.0-18-amd64\n",
  "/proc/filesystems": "nodev\tproc\nnodev\toverlay\n",
  "/proc/sys/net/ipv4/ip_forward": "1\n",
  "/proc/sys/net/bridge/bridge-nf-call-iptables": "1\n",
  "/proc/self/mounts": "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n",
  "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory pids\n",
  "/proc/self/limits":
    "Max open files            1048576              1048576              files\n",
  "/proc/7/cmdline": "/usr/sbin/chronyd\0",
};

type Plugins = Awaited<ReturnType<Node["containerd"]["introspection"]["plugins"]>>;

/** In what a node differs from the healthy one. */
export interface Differences {
  files?: Record<string, string | undefined>;
  config?: (config: Config) => Config;
  capabilities?: readonly string[];
  space?: Partial<typeof SPACE>;
  year?: number;
  containerd?: { version?: string; error?: Error; plugins?: Plugins };
  programs?: readonly string[];
  network?: { reason?: string; attach?: Error };
  whyNotWritable?: string;
  isSystemd?: boolean;
  daemon?: { isRecovered: boolean; network: boolean } | "down";
}

export const ALL = ["CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_KILL"];

/** A healthy node, but for what is said. What a trial leaves is in `pins`. */
export function fakeNode(d: Differences = {}): { node: Node; pins: Set<string>; calls: string[] } {
  const files = { ...FILES, ...d.files };
  const pins = new Set<string>();
  const calls: string[] = [];
  const config = (d.config ?? ((it) => it))(defaultConfig());
  const version = d.containerd?.error !== undefined
    ? () => Promise.reject(d.containerd?.error)
    : () => Promise.resolve({ version: d.containerd?.version ?? "1.6.20", revision: "" });
  const snapshotter = plugin("io.containerd.snapshotter.v1", "overlayfs");
  const plugins = d.containerd?.plugins ?? [snapshotter];
  const daemon = d.daemon ?? { isRecovered: true, network: true };
  const node: Node = {
    config,
    isRoot: true,
    scratch: "/scratch",
    now: () => new Date(Date.UTC(d.year ?? 2026, 1, 1)),
    linux: {
      readFileIfAny: (path) => files[path],
      listFolder: (path) =>
        Object.keys(files).filter((file) => file.startsWith(`${path}/`))
          .map((file) => file.slice(path.length + 1).split("/")[0] ?? ""),
      statfs: () => ({ ...SPACE, ...d.space }),
      effectiveCapabilities: () => new Set(d.capabilities ?? [...ALL, "CAP_SYS_RESOURCE"]),
      pinNetns: (path) => void pins.add(path),
      unpinNetns: (path) => void pins.delete(path),
    },
    stat: (path) =>
      Promise.resolve(
        path === "/run/systemd/system" && d.isSystemd === true
          ? { isFile: false, isDirectory: true, mode: 0 }
          : undefined,
      ),
    whyNotWritable: () => Promise.resolve(d.whyNotWritable),
    programVersion: (name) =>
      Promise.resolve(
        (d.programs ?? ["containerd", "containerd-shim-runc-v2", "runc"]).includes(name)
          ? { path: `/usr/bin/${name}`, text: "1" }
          : undefined,
      ),
    containerd: {
      version,
      introspection: { plugins: () => Promise.resolve(plugins) },
      namespaces: { list: () => Promise.resolve(["k8s.io"]) },
    },
    networks: {
      status: () =>
        Promise.resolve(
          d.network?.reason === undefined
            ? { ready: true, networkName: "net", file: "/etc/cni/net.d/net.conflist" }
            : { ready: false, reason: d.network.reason },
        ),
      attach: () => {
        calls.push("attach");
        if (d.network?.attach !== undefined) return Promise.reject(d.network.attach);
        return Promise.resolve({ ips: ["10.0.0.2"] });
      },
      detach: () => Promise.resolve(void calls.push("detach")),
    },
    askDaemon: () =>
      Promise.resolve(
        daemon === "down" ? undefined : {
          version: "1",
          isRecovered: daemon.isRecovered,
          conditions: [{ type: "NetworkReady", status: daemon.network, message: "no network" }],
        },
      ),
  };
  return { node, pins, calls };
}

export function plugin(type: string, id: string, initError = ""): Plugins[number] {
  return { type, id, initError, capabilities: [], exports: new Map() };
}
