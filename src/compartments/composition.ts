/** Puts the server compartment together: adapters, stores, and what each verb needs of them. */
import { Flights } from "../base/flights.ts";
import type { ContainerId, SandboxId } from "../base/id.ts";
import { KeyedLock } from "../base/keyed_lock.ts";
import { openCniNetworks } from "../cni/networks.ts";
import type { PluginService } from "../cni/types.ts";
import { connectContainerd, type Containerd } from "../containerd/client.ts";
import { REMAPS_OWNERS } from "../containerd/snapshots.ts";
import type { Mount } from "../containerd/mount.ts";
import type { Config } from "../config/table.ts";
import type { Accounts } from "../oci/user.ts";
import type { ImageDeps } from "../cri/image_service.ts";
import type { RuntimeDeps } from "../cri/services.ts";
import { imageArchitecture } from "../images/platform.ts";
import { imageNaming } from "./image_naming.ts";
import { imagePuller, sandboxImages } from "../images/puller.ts";
import type { RegistryService } from "../images/service.ts";
import { ImageStore } from "../images/store.ts";
import { ImageUsage } from "../images/usage.ts";
import type { SessionRemote } from "../containers/streams.ts";
import type { LogService } from "../logs/service.ts";
import { ContainerStore } from "../state/containers.ts";
import { NameRegistry } from "../state/names.ts";
import { SandboxStore } from "../state/sandboxes.ts";
import type { ResyncDeps } from "../containers/resync.ts";
import type { RecoverDeps as RecoverContainersDeps } from "../containers/recover.ts";
import type { RecoverDeps as RecoverPodsDeps } from "../pods/recover.ts";
import type { RecoverNetworkDeps } from "../pods/recover_network.ts";
import type { SweepDeps } from "../pods/sweep.ts";
import type { SweepShimsDeps } from "../pods/sweep_shims.ts";
import { callChannel } from "./channel.ts";
import { hostFacts, isSystemdNode, nodeHostname } from "./host_facts.ts";
import { journaled } from "./journaled.ts";
import { measuredPlugins, measuredPuller } from "./measured.ts";
import { openObservers } from "./observers.ts";
import { openKernel } from "./selinux.ts";
import type { Peer } from "./peer.ts";
import { settingsOf } from "./settings.ts";
import type { Start } from "./start.ts";
import { statusConfig } from "./status_config.ts";

/** A plugin ends by itself at its own timeout; this is for a compartment that doesn't answer. */
const PLUGIN_SLACK_MS = 5_000;

/** More than field tags, lengths and an exit code take. */
const FRAMING_BYTES = 1024;

export type ServerDeps =
  & RuntimeDeps
  & ResyncDeps
  & RecoverContainersDeps
  & RecoverPodsDeps
  & RecoverNetworkDeps
  & SweepDeps
  & SweepShimsDeps;

export interface Composition {
  readonly containerd: Containerd;
  readonly namespace: string;
  readonly deps: ServerDeps;
  readonly imageDeps: ImageDeps;
  readonly imageStore: ImageStore;
  /** Asks containerd for its version, which the CRI's Version tells, and what it can do. */
  readContainerd(signal: AbortSignal): Promise<void>;
  /** Containerd and the network's plugins must not hold the CRI's socket. */
  keepSocketsFromPrograms(): void;
  close(): void;
}

export function compose({ config, features, peers, stopping }: Start): Composition {
  const { linux, selinux } = openKernel(config);
  const { address, namespace, snapshotter } = config.containerd;
  const containerd = connectContainerd({ address, namespace });
  const registry = callChannel<RegistryService>(peers.registry, "registry");
  const ioPart = callChannel<LogService & SessionRemote>(peers.io, "io");
  const kernelRelease = linux.readFile("/proc/sys/kernel/osrelease").trim();
  const settings = settingsOf(config, { isSystemd: isSystemdNode(), features, kernelRelease });
  const imageStore = new ImageStore({
    images: containerd.images,
    content: containerd.content,
    architecture: imageArchitecture(),
    naming: imageNaming(config),
  });
  const puller = { registry, store: imageStore, naming: imageNaming(config) };
  const network = openNetwork({ config, peers });
  const usage = new ImageUsage({
    snapshots: (name) => containerd.snapshots(name),
    snapshotters: [snapshotter, ...[...settings.runtimes.values()].map((it) => it.snapshotter)],
    introspection: containerd.introspection,
    statfs: (path) => linux.statfs(path),
    fallbackPath: config.root,
  });
  usage.start(stopping);
  const watched = {
    sandboxes: new SandboxStore(),
    containers: new ContainerStore(),
    images: imageStore,
    usage,
    readFile: (path: string) => linux.readFileIfAny(path),
    nowNs: clock(),
  };
  const io = config.logs.journal === ""
    ? ioPart
    : journaled(ioPart, { ...watched, datagramSocket: () => linux.datagramSocket() });
  let version: string | undefined;
  let remapping: ReadonlySet<string> = new Set();
  const deps: ServerDeps = {
    ...watched,
    ...openObservers(watched, stopping),
    containerd,
    containerdAddress: address,
    linux,
    logs: io,
    streams: io,
    streamsLost: lossOf(peers.io),
    maxExecOutputBytes: maxExecOutput(config),
    stopping,
    network,
    settings,
    ...nothingYet(),
    host: hostFacts(linux, settings),
    selinux,
    sandboxImage: sandboxImages(puller, {
      reference: config.images.sandbox_image,
      snapshotter,
    }),
    unpackImage: async (name, snapshotter, signal) => {
      await registry.unpack({ name, snapshotter }, { signal });
    },
    nodeHostname: () => nodeHostname(linux),
    containerdVersion: () => version,
    remapsOwners: (snapshotter) => remapping.has(snapshotter),
    describeConfig: () => statusConfig(config, { settings, selinux: selinux !== undefined }),
  };
  return {
    containerd,
    namespace,
    deps,
    imageStore,
    imageDeps: {
      store: imageStore,
      images: containerd.images,
      content: containerd.content,
      puller: measuredPuller(imagePuller(puller)),
      usage,
      settings,
    },
    readContainerd: async (signal) => {
      version = (await containerd.version({ signal })).version;
      remapping = await remappingSnapshotters(containerd, signal);
    },
    keepSocketsFromPrograms: () => linux.keepSocketsFromPrograms(),
    close: () => {
      network.close();
      containerd.close();
    },
  };
}

/** A signal that is aborted with the compartment which is there now. */
function lossOf(peer: Peer): () => AbortSignal {
  let lost = new AbortController();
  peer.onLost((error) => {
    lost.abort(error);
    lost = new AbortController();
  });
  return () => lost.signal;
}

/** What the verbs remember between calls, and nothing of it yet. */
function nothingYet() {
  return {
    names: new NameRegistry(),
    accounts: new Map<string, Accounts>(),
    oomKilled: new Set<ContainerId>(),
    podFlights: new Flights<SandboxId>(),
    podLocks: new KeyedLock<SandboxId>(),
    podStarts: new Map<SandboxId, Promise<void>>(),
    containerFlights: new Flights<ContainerId>(),
    containerLocks: new KeyedLock<ContainerId>(),
    taskDeletions: new Map<string, Promise<boolean>>(),
    rootfsMounts: new Map<ContainerId, Mount[]>(),
    execStarts: new KeyedLock<SandboxId>(),
    podListCache: { version: -1, answer: undefined },
    containerListCache: { version: -1, answer: undefined },
  };
}

/** An answer with its framing stays within what both ends take; kubelets take 16 MiB. */
function maxExecOutput({ cri }: Config): number {
  return Math.min(cri.max_message_mib, 16) * 1024 * 1024 - FRAMING_BYTES;
}

function openNetwork({ config, peers }: Pick<Start, "config" | "peers">) {
  const { conf_dir, bin_dirs, cache_dir, max_conf_num, plugin_timeout } = config.cni;
  const plugins = callChannel<PluginService>(peers.cni, "cni");
  return openCniNetworks({
    confDir: conf_dir,
    binDirs: bin_dirs,
    cacheDir: cache_dir,
    maxConfNum: max_conf_num,
    pluginTimeoutMs: plugin_timeout,
    runPlugin: measuredPlugins((call, signal) =>
      plugins.runPlugin(call, { signal, timeoutMs: call.timeoutMs + PLUGIN_SLACK_MS })
    ),
  });
}

/** The snapshotters that can show files under other owners, as user namespaces need it. */
async function remappingSnapshotters(
  { introspection }: Pick<Containerd, "introspection">,
  signal: AbortSignal,
): Promise<Set<string>> {
  const plugins = await introspection.plugins(["type==io.containerd.snapshotter.v1"], { signal });
  return new Set(
    plugins.filter(({ capabilities }) => capabilities.includes(REMAPS_OWNERS)).map(({ id }) => id),
  );
}

/** Now, in nanoseconds since the epoch; never the same twice, so that times tell the order. */
function clock(): () => bigint {
  let last = 0n;
  return () => {
    const now = BigInt(Date.now()) * 1_000_000n;
    last = now > last ? now : last + 1n;
    return last;
  };
}
