/** A real kubelet without an API server on a daemon of a test: it runs the pods of a folder. */
import type { Daemon } from "./daemon.ts";
import { eventually } from "./delay.ts";
import { filesOf } from "./network.ts";
import { sh } from "./sh.ts";

/** Built by `./dev tools kubelet`, which takes some minutes. */
const KUBELET = new URL("../../.tools/bin/kubelet", import.meta.url).pathname;

const NODE_NAME = "node-a";
const HEALTHY_TIMEOUT_MS = 60_000;
/** Pulls, probes and back-offs are the kubelet's own and take seconds. */
const POD_TIMEOUT_MS = 90_000;

/** What the kubelet says of a pod, as its API has it. */
// deno-lint-ignore no-explicit-any
export type Pod = any;

export interface Kubelet extends AsyncDisposable {
  /** Port of its API over TLS, with a certificate of its own. */
  readonly port: number;
  /** Gives it a pod to run; `spec` as in a manifest. */
  run(name: string, spec: object, metadata?: object): Promise<void>;
  /** Takes a pod from it, if it has it, and waits until it has forgotten it. */
  remove(name: string): Promise<void>;
  /** Waits until it says of the pod what is asked for, and gives all that it says. */
  pod(name: string, isSo: (pod: Pod) => boolean): Promise<Pod>;
  /** What it answers on its port for reading. */
  read(path: string): Promise<string>;
  /** What it answers on its API. */
  call(method: "GET" | "POST", path: string): Promise<string>;
  /** The name under which it runs a pod of the folder. */
  fullName(name: string): string;
  /** Kills it and starts another on what it left. */
  restart(): Promise<void>;
  log(): Promise<string>;
}

interface Ports {
  readonly api: number;
  readonly read: number;
  readonly health: number;
}

function freePorts(): Ports {
  const listeners = [1, 2, 3].map(() => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const [api = 0, read = 0, health = 0] = listeners.map(({ addr }) => addr.port);
  for (const listener of listeners) listener.close();
  return { api, read, health };
}

/** YAML takes JSON. */
function configText(daemon: Daemon, dir: string, ports: Ports): string {
  return JSON.stringify({
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    address: "127.0.0.1",
    port: ports.api,
    readOnlyPort: ports.read,
    healthzPort: ports.health,
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: "AlwaysAllow" },
    containerRuntimeEndpoint: `unix://${daemon.listen}`,
    staticPodPath: `${dir}/manifests`,
    fileCheckFrequency: "1s",
    syncFrequency: "5s",
    podLogsDir: daemon.logDir,
    containerLogMaxSize: "32Ki",
    containerLogMaxFiles: 4,
    containerLogMonitorInterval: "3s",
    cgroupRoot: daemon.cgroupParent,
    failCgroupV1: false,
    failSwapOn: false,
    makeIPTablesUtilChains: false,
    enforceNodeAllocatable: ["none"],
    evictionHard: {},
    registerNode: false,
    clusterDNS: ["10.9.9.9"],
    clusterDomain: "cluster.test",
    volumePluginDir: `${dir}/plugins`,
    // The last one makes it go on where this machine refuses it a lower oom_score_adj.
    featureGates: {
      PodAndContainerStatsFromCRI: true,
      EventedPLEG: true,
      KubeletInUserNamespace: true,
    },
  });
}

/**
 * The kubelet's folder is shared with the node, because what it mounts there is for pods; the one
 * folder whose place it doesn't let choose is its own.
 */
function script(dir: string): string {
  const args = `--config ${dir}/config.json --root-dir ${dir}/root --cert-dir ${dir}/pki`;
  return `mount --make-private / && mkdir -p /var/lib/kubelet &&
mount -t tmpfs kubelet /var/lib/kubelet &&
exec ${KUBELET} ${args} --hostname-override ${NODE_NAME} >>${dir}/kubelet.log 2>&1`;
}

/** Starts a kubelet that has no pods yet. */
export async function startKubelet(daemon: Daemon): Promise<Kubelet> {
  const dir = `${daemon.dir}/kubelet`;
  const ports = freePorts();
  await Deno.mkdir(`${dir}/manifests`, { recursive: true });
  await sh("mount", "--bind", dir, dir);
  await sh("mount", "--make-shared", dir);
  await Deno.writeTextFile(`${dir}/config.json`, configText(daemon, dir, ports));
  await makeCgroups(daemon.cgroupParent);
  const kubelet = new StandaloneKubelet(dir, ports);
  try {
    await kubelet.start();
    return kubelet;
  } catch (error) {
    await kubelet[Symbol.asyncDispose]();
    throw error;
  }
}

/** The kubelet wants the parent of its pods' cgroups to be there in every hierarchy. */
async function makeCgroups(parent: string): Promise<void> {
  const top = "/sys/fs/cgroup";
  const isUnified = (await filesOf(top)).includes("cgroup.controllers");
  const roots = isUnified ? [top] : (await filesOf(top)).map((name) => `${top}/${name}`);
  for (const root of roots) {
    if ((await filesOf(root)).includes("cgroup.procs")) {
      await Deno.mkdir(`${root}${parent}`, { recursive: true });
    }
  }
}

class StandaloneKubelet implements Kubelet {
  readonly port: number;
  #child: Deno.ChildProcess | undefined;

  constructor(
    private readonly dir: string,
    private readonly ports: Ports,
  ) {
    this.port = ports.api;
  }

  async start(): Promise<void> {
    const child = new Deno.Command("unshare", {
      args: ["--mount", "--propagation", "unchanged", "sh", "-c", script(this.dir)],
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    this.#child = child;
    let isOver = false;
    void child.status.then(() => isOver = true);
    await eventually("the kubelet", async () => {
      if (isOver) throw new Error(`the kubelet ended:\n${(await this.log()).slice(-4000)}`);
      return await fetchText(`http://127.0.0.1:${this.ports.health}/healthz`) === "ok" &&
        await this.read("/pods") !== "";
    }, HEALTHY_TIMEOUT_MS);
  }

  fullName(name: string): string {
    return `${name}-${NODE_NAME}`;
  }

  async run(name: string, spec: object, metadata: object = {}): Promise<void> {
    const manifest = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "default", ...metadata },
      spec,
    };
    await Deno.writeTextFile(`${this.dir}/${name}.json`, JSON.stringify(manifest));
    await Deno.rename(`${this.dir}/${name}.json`, `${this.dir}/manifests/${name}.json`);
  }

  async remove(name: string): Promise<void> {
    await sh("rm", "-f", `${this.dir}/manifests/${name}.json`);
    await eventually(
      `pod ${name} to be gone`,
      async () => !(await this.#pods()).some((pod) => pod.metadata.name === this.fullName(name)),
      POD_TIMEOUT_MS,
    );
  }

  async pod(name: string, isSo: (pod: Pod) => boolean): Promise<Pod> {
    let last: Pod;
    try {
      return await eventually(`pod ${name}`, async () => {
        last = (await this.#pods()).find((pod) => pod.metadata.name === this.fullName(name));
        return last !== undefined && isSo(last) ? last : undefined;
      }, POD_TIMEOUT_MS);
    } catch (error) {
      throw new Error(`the kubelet says of ${name}: ${JSON.stringify(last?.status)}`, {
        cause: error,
      });
    }
  }

  async read(path: string): Promise<string> {
    return await fetchText(`http://127.0.0.1:${this.ports.read}${path}`);
  }

  async call(method: "GET" | "POST", path: string): Promise<string> {
    const url = `https://127.0.0.1:${this.port}${path}`;
    return await sh("curl", "--silent", "--show-error", "--insecure", "--request", method, url);
  }

  async restart(): Promise<void> {
    await this.#end();
    await this.start();
  }

  log(): Promise<string> {
    return Deno.readTextFile(`${this.dir}/kubelet.log`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end();
    await sh("umount", "--recursive", this.dir);
  }

  async #pods(): Promise<Pod[]> {
    return JSON.parse(await this.read("/pods")).items ?? [];
  }

  async #end(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.status;
    this.#child = undefined;
  }
}

/** "" while nobody answers. */
async function fetchText(url: string): Promise<string> {
  try {
    const response = await fetch(url);
    return await response.text();
  } catch (error) {
    if (error instanceof TypeError) return "";
    throw error;
  }
}
