/** The two servers that are compared, each on a containerd, a network and folders of its own. */
import { buildPauseImage } from "../../src/images/pause.ts";
import { OCI_CONFIG, OCI_MANIFEST } from "../../src/images/manifest.ts";
import { imageArchitecture } from "../../src/images/platform.ts";
import { busyboxFiles, testImage } from "../fakes/test_image.ts";
import { removeCgroup } from "../world/cgroups.ts";
import { type RunningContainerd, startContainerd } from "../world/containerd.ts";
import { type Daemon, type DaemonOptions, startDaemon } from "../world/daemon.ts";
import { CONF_FILE, type PodNetwork, podNetwork } from "../world/network.ts";
import { sh } from "../world/sh.ts";
import { archiveOf, type ImageBlobs } from "../world/archive.ts";
import { type Flags, timeUntilReady } from "./client.ts";
import { cpuMsOf, rssMibOf } from "./usage.ts";

const TOOLS = new URL("../../.tools", import.meta.url).pathname;

/** The containers' image. */
export const IMAGE = "localhost/busybox:bench";
/** The sandboxes' image on the other side: the very one that ours has built in. */
const PAUSE = "localhost/pause:bench";

/** Which containerd, shim, runc and network plugins both sides have. */
export interface Node {
  /** Path of containerd, or its name on PATH. */
  readonly containerd: string;
  readonly ctr: string;
  readonly runc: string;
  readonly pluginDirs: readonly string[];
}

/** The distribution's. */
export const INSTALLED: Node = {
  containerd: "containerd",
  ctr: "ctr",
  runc: "runc",
  pluginDirs: ["/usr/lib/cni", "/opt/cni/bin"],
};

/** Our own build of the newest. */
export const BUILT: Node = {
  containerd: `${TOOLS}/containerd-2.3/containerd`,
  ctr: `${TOOLS}/containerd-2.3/ctr`,
  runc: `${TOOLS}/containerd-2.3/runc`,
  pluginDirs: [`${TOOLS}/cni`],
};

/** A server with what is below it. */
export interface Side extends AsyncDisposable {
  readonly socket: string;
  /** Socket of its containerd; "" when it isn't known. */
  readonly containerd: string;
  /** What the client needs to know for pods. */
  readonly flags: Flags;
  /** CPU time so far of the server and its containerd. */
  cpuMs(): Promise<number>;
  /** Memory of the server; of the other side that is the whole containerd. */
  rssMib(): Promise<number>;
  /** Ends the server and starts it again: milliseconds until it answers and lists its pods. */
  restart(pods: number): Promise<number>;
}

/** Our daemon. */
export interface Ours extends Side {
  readonly daemon: Daemon;
  readonly network: PodNetwork;
  /** State folder of its containerd, where bundles are. */
  readonly containerdState: string;
}

export async function startOurs(
  node: Node,
  more: Omit<DaemonOptions, "containerd"> = {},
): Promise<Ours> {
  const dir = await Deno.makeTempDir({ prefix: "cri-bench-" });
  const containerd = await startContainerd(dir, { binary: node.containerd });
  const daemon = await startDaemon({
    containerd: containerd.address,
    pluginDirs: node.pluginDirs,
    logLevel: "info",
    ...more,
  }).catch(async (error: unknown) => {
    await containerd.cleanUp();
    await Deno.remove(dir, { recursive: true });
    throw error;
  });
  await importImages(node, containerd.address);
  const flags = flagsOf({ ...daemon, socket: daemon.listen });
  return {
    socket: daemon.listen,
    containerd: containerd.address,
    flags,
    daemon,
    network: daemon.network,
    containerdState: `${dir}/state`,
    cpuMs: async () => await cpuMsOf(daemon.pid) + await cpuMsOf(containerd.pid),
    rssMib: () => rssMibOf(daemon.pid),
    restart: async (pods) => {
      await daemon.stop();
      let started: Promise<void> | undefined;
      const ms = await timeUntilReady({ socket: daemon.listen, count: pods }, () => {
        started = daemon.start();
      });
      await started;
      return ms;
    },
    [Symbol.asyncDispose]: async () => {
      await daemon[Symbol.asyncDispose]();
      await containerd.cleanUp();
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** containerd's own CRI plugin. */
export async function startBuiltIn(node: Node): Promise<Side> {
  const dir = await Deno.makeTempDir({ prefix: "cri-bench-" });
  const network = podNetwork(dir);
  await Deno.mkdir(network.confDir);
  await Deno.writeTextFile(`${network.confDir}/${CONF_FILE}`, network.conf());
  const start = () =>
    startContainerd(dir, {
      binary: node.containerd,
      cri: true,
      config: builtInConfig(node, network),
    });
  let containerd = await start();
  const socket = containerd.address;
  await importImages(node, socket);
  const cgroupParent = `/cri-bench-${dir.slice(-6)}`;
  const side: Side = {
    socket,
    containerd: socket,
    flags: flagsOf({ socket, logDir: `${dir}/pods`, cgroupParent }),
    cpuMs: () => cpuMsOf(containerd.pid),
    rssMib: () => rssMibOf(containerd.pid),
    restart: async (pods) => {
      await containerd.stop();
      let started: Promise<RunningContainerd> | undefined;
      const ms = await timeUntilReady({ socket, count: pods }, () => started = start());
      if (started !== undefined) containerd = await started;
      return ms;
    },
    [Symbol.asyncDispose]: async () => {
      await containerd.cleanUp();
      await removeCgroup(cgroupParent);
      await network.remove();
      await Deno.remove(dir, { recursive: true });
    },
  };
  return side;
}

/** A server that runs already, which must have the image; it isn't restarted, nor looked into. */
export function givenSide(socket: string): Side {
  return {
    socket,
    containerd: "",
    flags: flagsOf({ socket, logDir: "/var/log/pods/bench", cgroupParent: "/cri-bench" }),
    cpuMs: () => Promise.resolve(NaN),
    rssMib: () => Promise.resolve(NaN),
    restart: () => Promise.resolve(NaN),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function flagsOf(
  { socket, logDir, cgroupParent }: { socket: string; logDir: string; cgroupParent: string },
): Flags {
  return { socket, image: IMAGE, "log-dir": logDir, "cgroup-parent": cgroupParent };
}

/** Version 2 of containerd's configuration, which 2.x understands too. */
function builtInConfig({ pluginDirs }: Node, { confDir }: PodNetwork): string {
  const cri = '[plugins."io.containerd.grpc.v1.cri"';
  const text = JSON.stringify;
  return `${cri}]
  sandbox_image = ${text(PAUSE)}
  # Some machines lack CAP_SYS_RESOURCE.
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
${cri}.cni]
  bin_dir = ${text(pluginDirs[0] ?? "")}
  conf_dir = ${text(confDir)}
`;
}

async function importImages(node: Node, address: string): Promise<void> {
  const architecture = imageArchitecture();
  const busybox = testImage({
    layers: [await busyboxFiles()],
    architecture,
    config: { Env: ["PATH=/bin"], Cmd: ["sh"] },
  });
  for (
    const [name, image] of [[IMAGE, busybox], [PAUSE, await pauseImage(architecture)]] as const
  ) {
    const file = await Deno.makeTempFile({ suffix: ".tar" });
    await Deno.writeFile(file, archiveOf(name, image));
    await sh(node.ctr, "-a", address, "-n", "k8s.io", "images", "import", file);
    await Deno.remove(file);
  }
}

async function pauseImage(architecture: string): Promise<ImageBlobs> {
  const { layers, config, manifest } = await buildPauseImage(architecture);
  return {
    layers: layers.map((it) => asBlob(it, it.mediaType)),
    config: asBlob(config, OCI_CONFIG),
    manifest: asBlob(manifest, OCI_MANIFEST),
  };
}

const asBlob = ({ digest, bytes }: { digest: string; bytes: Uint8Array }, mediaType: string) => ({
  mediaType,
  digest,
  bytes: new Uint8Array(bytes),
});
