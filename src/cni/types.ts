/** What the rest of the daemon sees of pod networking, and how a plugin is run. */

/** One run of a plugin, ready made: nothing in it is looked up by who runs it. */
export interface PluginCall {
  /** Full path of the executable. */
  readonly path: string;
  /** The whole environment of the plugin. */
  readonly env: Record<string, string>;
  readonly stdin: Uint8Array;
  /** The plugin is killed after this. */
  readonly timeoutMs: number;
}

export interface PluginResult {
  /** Exit code; 128 + the signal's number when a signal ended it. */
  readonly code: number;
  readonly stdout: Uint8Array;
  /** The end of what it wrote there. */
  readonly stderr: string;
}

/**
 * Runs a plugin to its end.
 *
 * @throws CriError deadlineExceeded when it was killed at its timeout, cancelled when the signal
 * was aborted, notFound, permissionDenied or internal when it could not be started
 */
export type RunPlugin = (call: PluginCall, signal: AbortSignal) => Promise<PluginResult>;

/** What the cni compartment serves. */
export interface PluginService {
  runPlugin(call: PluginCall, context: { readonly signal: AbortSignal }): Promise<PluginResult>;
}

export type CniStatus =
  | { readonly ready: true; readonly networkName: string; readonly file: string }
  /** The reason names the folder, file or plugin and what is wrong with it. */
  | { readonly ready: false; readonly reason: string };

/** The pods' networks: those of the configuration folder, whatever is in it at the moment. */
export interface CniNetworks {
  /** Whether pods can be attached now. Looks at the folder at most once a second. */
  status(): Promise<CniStatus>;
  /**
   * ADD along the chain of plugins. One that fails may have done half: {@link detach} follows.
   *
   * @throws CriError invalidArgument for names that CNI doesn't allow, failedPrecondition without
   * a usable configuration, else as the plugin failed
   */
  attach(attachment: Attachment, signal: AbortSignal): Promise<NetworkResult>;
  /**
   * DEL, backwards, with the configuration and result of the ADD. What isn't attached is detached
   * already; the namespace may be gone.
   */
  detach(attachment: Attachment, signal: AbortSignal): Promise<void>;
  /** @throws CriError failedPrecondition when a plugin finds the attachment not as it was made */
  check(attachment: Attachment, signal: AbortSignal): Promise<void>;
  /**
   * Gives back what belongs to none of the valid attachments, which are all pods that exist or are
   * being made. Attachments that other tools made are left alone, and those whose namespace is still
   * there: they are somebody's, such as another daemon's on this node.
   */
  gc(valid: readonly ValidAttachment[], signal: AbortSignal): Promise<void>;
  /** For people and tools: folders and networks, in go-cni's shape. */
  describe(): unknown;
  close(): void;
}

export interface ValidAttachment {
  readonly containerId: string;
  readonly ifName: string;
}

/** One pod on the network. */
export interface Attachment {
  readonly containerId: string;
  readonly netnsPath: string;
  /** Name in the pod: "eth0". Further networks count on from it. */
  readonly ifName: string;
  /** What the orchestrator says of the pod: K8S_POD_NAME and the like. */
  readonly args: ReadonlyMap<string, string>;
  readonly portMappings: readonly PortMapping[];
  readonly bandwidth?: Bandwidth;
  readonly dns?: PodDns;
  readonly aliases?: readonly string[];
  readonly cgroupPath?: string;
  readonly ipRanges?: readonly (readonly IpRange[])[];
  readonly mac?: string;
  readonly infinibandGUID?: string;
  readonly deviceID?: string;
}

export interface PortMapping {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly hostIP: string;
}

/** Rates in bits a second, bursts in bits. */
export interface Bandwidth {
  readonly ingressRate: bigint;
  readonly ingressBurst: bigint;
  readonly egressRate: bigint;
  readonly egressBurst: bigint;
}

export interface PodDns {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

export interface IpRange {
  readonly subnet: string;
  readonly rangeStart?: string;
  readonly rangeEnd?: string;
  readonly gateway?: string;
}

/** What an attachment came to. */
export interface NetworkResult {
  /** Addresses of the pod without prefix length, the primary one first. */
  readonly ips: readonly string[];
  /** By name, those on the node among them. */
  readonly interfaces: ReadonlyMap<string, NetworkInterface>;
  readonly routes: readonly Route[];
  /** One for each network. */
  readonly dns: readonly NetworkDns[];
  /** The result as the last plugin of the first network's chain wrote it. */
  readonly raw: unknown;
}

export interface NetworkInterface {
  readonly ipConfigs: readonly { readonly ip: string; readonly gateway: string }[];
  readonly mac: string;
  /** Path of the namespace that it is in, "" on the node. */
  readonly sandbox: string;
  readonly pciId: string;
  readonly socketPath: string;
}

/** A route; `dst` has its prefix length. */
export interface Route {
  readonly dst: string;
  readonly gw: string;
  readonly mtu?: number | undefined;
  readonly advmss?: number | undefined;
  readonly priority?: number | undefined;
  readonly table?: number | undefined;
  readonly scope?: number | undefined;
}

export interface NetworkDns {
  readonly nameservers: readonly string[];
  readonly domain: string;
  readonly search: readonly string[];
  readonly options: readonly string[];
}
