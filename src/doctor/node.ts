/** The node as the doctor's checks see it, so that they can be tried on nodes that aren't there. */
import type { Config } from "../config/table.ts";
import type { Containerd } from "../containerd/client.ts";
import type { Attachment, CniNetworks, NetworkResult } from "../cni/types.ts";
import type { Linux } from "../linux/linux.ts";
import type { Finding } from "./finding.ts";

export interface Node {
  /** With the address where containerd really listens. */
  readonly config: Config;
  readonly linux: Pick<
    Linux,
    "readFileIfAny" | "listFolder" | "statfs" | "effectiveCapabilities" | "pinNetns" | "unpinNetns"
  >;
  readonly isRoot: boolean;
  /** Of the machine's clock. */
  readonly now: () => Date;
  /** What lies at a path. */
  stat(path: string): Promise<{ isFile: boolean; isDirectory: boolean; mode: number } | undefined>;
  /** Writes into a folder and takes it away again; why that fails, or undefined. */
  whyNotWritable(folder: string): Promise<string | undefined>;
  /** What a program says of its version; undefined when it isn't found or doesn't run. */
  programVersion(name: string): Promise<{ path: string; text: string } | undefined>;
  /** Calls on containerd, which fail when it doesn't answer. */
  readonly containerd: Pick<Containerd, "version"> & {
    readonly introspection: Pick<Containerd["introspection"], "plugins">;
    readonly namespaces: Pick<Containerd["namespaces"], "list">;
  };
  /** Networks of the configuration, with a cache of their own. */
  readonly networks: Pick<CniNetworks, "status" | "detach"> & {
    attach(attachment: Attachment, signal: AbortSignal): Promise<Pick<NetworkResult, "ips">>;
  };
  /** A folder for what a trial makes. */
  readonly scratch: string;
  /** What a daemon that runs here says; undefined when none does. */
  askDaemon(): Promise<DaemonReport | undefined>;
}

export interface DaemonReport {
  readonly version: string;
  readonly isRecovered: boolean;
  readonly conditions: readonly { type: string; status: boolean; message: string }[];
}

/** One look at the node. It never throws for what it finds. */
export type Check = (node: Node) => Promise<Finding[]> | Finding[];

/** The fields of a file such as /proc/meminfo or os-release. */
export function readText(node: Pick<Node, "linux">, path: string): string {
  return node.linux.readFileIfAny(path)?.trim() ?? "";
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
