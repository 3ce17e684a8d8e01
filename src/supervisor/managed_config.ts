/** The configuration and places of the containerd that the daemon starts itself. */
import { stringify } from "smol-toml";
import type { Config } from "../config/table.ts";

/** Where a managed containerd keeps its things: all below the daemon's own folders. */
export interface ManagedPaths {
  /** Images, snapshots and metadata; survives a reboot. */
  root: string;
  /** Runtime state; doesn't. Shim sockets follow it. */
  state: string;
  address: string;
  configFile: string;
  pidFile: string;
}

export function managedPaths(config: Config): ManagedPaths {
  const state = `${config.state}/containerd`;
  return {
    root: `${config.root}/containerd`,
    state,
    address: `${state}/containerd.sock`,
    configFile: `${state}/config.toml`,
    pidFile: `${state}/pid.json`,
  };
}

/** The config with `containerd.address` set to where containerd really listens. */
export function withContainerdAddress(config: Config): Config {
  if (!config.containerd.managed) return config;
  const address = managedPaths(config).address;
  return { ...config, containerd: { ...config.containerd, address } };
}

/** What 1.x calls the plugins that serve the CRI; we are the CRI here. */
const DISABLED_1 = ["io.containerd.grpc.v1.cri"];
/** The same since 2.0. NRI has one socket a node, which would clash with another containerd's. */
const DISABLED_2 = [
  "io.containerd.grpc.v1.cri",
  "io.containerd.cri.v1.images",
  "io.containerd.cri.v1.runtime",
  "io.containerd.podsandbox.controller.v1.podsandbox",
  "io.containerd.nri.v1.nri",
];

/** The largest gRPC message of containerd, in bytes; lists of big nodes pass the default. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/**
 * The text of its config.toml: version 2 for containerd 1.x, 3 for 2.x. Its log is JSON, which
 * the daemon reads and passes on.
 */
export function managedContainerdConfig(paths: ManagedPaths, major: number): string {
  return stringify({
    version: major >= 2 ? 3 : 2,
    root: paths.root,
    state: paths.state,
    disabled_plugins: major >= 2 ? DISABLED_2 : DISABLED_1,
    grpc: {
      address: paths.address,
      max_recv_message_size: MAX_MESSAGE_BYTES,
      max_send_message_size: MAX_MESSAGE_BYTES,
    },
    debug: { address: "", level: "info", format: "json" },
    // Its default lies outside our folders.
    plugins: { "io.containerd.internal.v1.opt": { path: `${paths.root}/opt` } },
  }) + "\n";
}

/** The first number of `containerd --version`, such as 1 of "containerd github.com/… 1.6.20~ds1 …". */
export function majorVersion(versionOutput: string): number | undefined {
  const match = /(?:^|\s)v?(\d+)\.\d+\.\d+/.exec(versionOutput);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}
