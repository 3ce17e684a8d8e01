/** The daemon as users run it, in a node of its own: folders, socket, containerd, bridge, subnet. */
import { CONF_FILE, PLUGIN_DIRS, type PodNetwork, podNetwork } from "./network.ts";
import { eventually } from "./delay.ts";
import { removeCgroup } from "./cgroups.ts";
import { endProcess, killShims, unmountUnder } from "./processes.ts";
import { PROGRAM, PROGRAM_ARGS } from "./program.ts";

const READY_TIMEOUT_MS = 60_000;

export interface DaemonOptions {
  /** The executable with its arguments; that of program.ts if left out. */
  command?: readonly string[];
  /** Folder of containerd, shim and runc; that of TEST_BINARIES or those on PATH if left out. */
  binaries?: string;
  /** The socket of a containerd that runs already, instead of a managed one. */
  containerd?: string;
  /** Folders of network plugins. */
  pluginDirs?: readonly string[];
  /** The folders of another CRI on the same containerd, whose pods it takes over. */
  folders?: { readonly root: string; readonly state: string };
  /** Where network namespaces are pinned and results are cached, when others have to find them. */
  netnsDir?: string;
  cacheDir?: string;
  /** Lines of TOML for the options of runc's shim. */
  runcOptions?: string;
  /** TOML tables to add to the config. */
  config?: string;
  /** "debug" if left out. */
  logLevel?: string;
}

/** A daemon that can be killed and started again on what it left. */
export interface Daemon extends AsyncDisposable {
  readonly dir: string;
  /** Path of the CRI socket. */
  readonly listen: string;
  readonly configFile: string;
  /** The socket of its containerd. */
  readonly containerdAddress: string;
  readonly logDir: string;
  /** A folder for plugins of the test's own, searched first. */
  readonly ownPluginDir: string;
  readonly netnsDir: string;
  /** The cgroup_parent for its pods. */
  readonly cgroupParent: string;
  readonly network: PodNetwork;
  readonly pid: number;
  /** Starts it, with some more flags, and waits until it has found its pods. */
  start(...flags: string[]): Promise<void>;
  /** Ends it and waits for its end. */
  stop(signal?: Deno.Signal): Promise<void>;
  /** What it has logged so far, of all its lives. */
  log(): Promise<string>;
}

/** Makes the node and starts the daemon. */
export async function startDaemon(options: DaemonOptions = {}): Promise<Daemon> {
  const dir = await Deno.makeTempDir({ prefix: "cri-node-" });
  // As folders like /var/lib are: the root of a user namespace has to pass through.
  await Deno.chmod(dir, 0o711);
  const network = podNetwork(dir);
  await Deno.mkdir(network.confDir);
  await Deno.writeTextFile(`${network.confDir}/${CONF_FILE}`, network.conf());
  const node = new Node(dir, network, options);
  try {
    await Deno.mkdir(node.ownPluginDir);
    await Deno.writeTextFile(node.configFile, node.configText());
    await node.start();
    return node;
  } catch (error) {
    await node[Symbol.asyncDispose]();
    throw error;
  }
}

class Node implements Daemon {
  readonly listen: string;
  readonly configFile: string;
  readonly containerdAddress: string;
  readonly logDir: string;
  readonly netnsDir: string;
  readonly ownPluginDir: string;
  readonly cgroupParent: string;
  readonly #logFile: string;
  #child: Deno.ChildProcess | undefined;

  constructor(
    readonly dir: string,
    readonly network: PodNetwork,
    private readonly options: DaemonOptions,
  ) {
    this.listen = `${dir}/cri.sock`;
    this.configFile = `${dir}/config.toml`;
    this.containerdAddress = options.containerd ?? `${dir}/state/containerd/containerd.sock`;
    this.logDir = `${dir}/pods`;
    this.netnsDir = options.netnsDir ?? `${dir}/netns`;
    this.ownPluginDir = `${dir}/bin`;
    this.cgroupParent = `/cri-test-${dir.slice(-6)}`;
    this.#logFile = `${dir}/daemon.log`;
  }

  configText(): string {
    const { options, dir, network } = this;
    const text = JSON.stringify;
    const containerd = options.containerd === undefined
      ? `managed = true\nbinaries = ${
        text(options.binaries ?? Deno.env.get("TEST_BINARIES") ?? "")
      }`
      : `address = ${text(options.containerd)}`;
    const { root, state } = options.folders ?? { root: `${dir}/root`, state: `${dir}/state` };
    return `root = ${text(root)}
state = ${text(state)}
listen = ${text(this.listen)}
[log]
level = ${text(options.logLevel ?? "debug")}
format = "text"
[containerd]
${containerd}
[containerd.runtimes.runc.options]
Root = ${text(`${dir}/runc`)}
${options.runcOptions ?? ""}
[cni]
conf_dir = ${text(network.confDir)}
bin_dirs = ${text([this.ownPluginDir, ...options.pluginDirs ?? PLUGIN_DIRS])}
netns_dir = ${text(this.netnsDir)}
cache_dir = ${text(options.cacheDir ?? network.cacheDir)}
[logs]
dirs = [${text(this.logDir)}]
${options.config ?? ""}`;
  }

  get pid(): number {
    if (this.#child === undefined) throw new Error("the daemon doesn't run");
    return this.#child.pid;
  }

  async start(...flags: string[]): Promise<void> {
    const before = await this.log();
    const command = this.options.command ?? [PROGRAM, ...PROGRAM_ARGS];
    // A shell in between lets the daemon write its log itself, so that it can outlive this process.
    const child = new Deno.Command("/bin/sh", {
      args: ["-c", 'log=$0; exec "$@" >>"$log" 2>&1', this.#logFile, ...command].concat(
        "serve",
        "--config",
        this.configFile,
        ...flags,
      ),
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#child = child;
    let isOver = false;
    void child.status.then(() => isOver = true);
    await eventually("the daemon", async () => {
      const log = (await this.log()).slice(before.length);
      if (isOver) throw new Error(`the daemon didn't come up:\n${log.slice(-4000)}`);
      return log.includes("Found ") && log.includes("Ready on ");
    }, READY_TIMEOUT_MS);
  }

  async stop(signal: Deno.Signal = "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    try {
      child.kill(signal);
    } catch (error) {
      // It has ended by itself.
      if (!(error instanceof TypeError)) throw error;
    }
    await child.status;
  }

  async log(): Promise<string> {
    try {
      return await Deno.readTextFile(this.#logFile);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await killShims(this.containerdAddress);
    // A daemon that was killed leaves its containerd to the next one.
    if (this.options.containerd === undefined) {
      await endProcess(`${this.dir}/state/containerd/pid.json`);
    }
    try {
      await unmountUnder(this.dir);
      await removeCgroup(this.cgroupParent);
    } finally {
      await this.network.remove();
      await Deno.remove(this.dir, { recursive: true });
    }
  }
}
