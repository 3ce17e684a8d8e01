/**
 * A node in memory with a daemon on it: the domain's verbs on stateful fakes, a point of failure
 * around every call that leaves the domain, and daemons that die and are started again.
 */
import { CriError } from "../../src/base/errors.ts";
import { Flights } from "../../src/base/flights.ts";
import type { ContainerId, ImageId, SandboxId } from "../../src/base/id.ts";
import { KeyedLock } from "../../src/base/keyed_lock.ts";
import type { CreateDeps } from "../../src/containers/create.ts";
import { recoverContainers, type RecoverDeps } from "../../src/containers/recover.ts";
import type { RemoveDeps as RemoveContainerDeps } from "../../src/containers/remove.ts";
import type { StartDeps } from "../../src/containers/start.ts";
import type { Image } from "../../src/images/image.ts";
import { recoverPods } from "../../src/pods/recover.ts";
import type { RemoveDeps } from "../../src/pods/remove.ts";
import type { RunDeps } from "../../src/pods/run.ts";
import { sweepOrphans } from "../../src/pods/sweep.ts";
import { ContainerStore } from "../../src/state/containers.ts";
import { NameRegistry } from "../../src/state/names.ts";
import { SandboxStore } from "../../src/state/sandboxes.ts";
import type { Settings } from "../../src/state/settings.ts";
import { RUNC } from "../fixtures/runtime.ts";
import { FakeCni } from "../fakes/cni.ts";
import { fakeContainerd, FakeWorld } from "../fakes/containerd.ts";
import { fakeSelinux } from "../fakes/selinux.ts";

export type Deps =
  & RunDeps
  & RemoveDeps
  & CreateDeps
  & StartDeps
  & RemoveContainerDeps
  & RecoverDeps
  & { readonly linux: { mountsUnder(prefix: string): string[] } };

/** One call out of the domain: `cni attach`, `containerd tasks.create`, `linux pinNetns`. */
export interface Point {
  /** How many such calls came before it. */
  readonly index: number;
  readonly name: string;
}

/** What happens at a call: before or after its work. */
export interface Disturbance {
  before?(point: Point): void;
  after?(point: Point): void;
}

export const IMAGE: Image = {
  id: "sha256:1" as ImageId,
  repoTags: ["pause:1"],
  repoDigests: [],
  sizeBytes: 1n,
  chainId: "sha256:chain",
  config: {
    user: "",
    env: [],
    entrypoint: ["/pause"],
    cmd: [],
    volumes: ["/data"],
    workingDir: "/",
    labels: new Map(),
    stopSignal: "",
  },
  pinned: true,
  names: ["pause:1"],
};

/** A node; what is on it outlives its daemons. */
export class Node {
  readonly world = new FakeWorld();
  readonly cni = new FakeCni();
  readonly netns = new Set<string>();
  readonly mounts = new Set<string>();
  readonly stdio = new Set<string>();
  readonly labels = new Map<string, string>();
  readonly dir = Deno.makeTempDirSync({ prefix: "cri-failure-" });

  constructor() {
    this.world.snapshots.set(
      "overlayfs",
      new Map([[IMAGE.chainId, {
        name: IMAGE.chainId,
        parent: "",
        kind: "committed",
        labels: new Map(),
        createdAtNs: 0n,
        updatedAtNs: 0n,
      }]]),
    );
  }

  /** What is left of pods and containers: nothing, after everything was removed. */
  leftovers(): string[] {
    return [
      ...this.world.leftovers(),
      ...this.cni.leftovers(),
      ...[...this.netns].map((path) => `network namespace ${path}`),
      ...[...this.mounts].map((path) => `mount ${path}`),
      ...[...this.stdio].map((id) => `stdio of ${id}`),
      ...["root/sandboxes", "root/containers", "state/sandboxes", "state/lookup", "state/images"]
        .flatMap((folder) => namesIn(`${this.dir}/${folder}`).map((name) => `${folder}/${name}`)),
    ];
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.dir, { recursive: true });
  }
}

/** A daemon on a node. Once it is dead none of its calls reach the node any more. */
export class Daemon {
  readonly deps: Deps;
  readonly points: Point[] = [];
  readonly #node: Node;
  disturbance: Disturbance = {};
  isDead = false;

  constructor(node: Node) {
    this.#node = node;
    this.deps = this.#compose();
  }

  /** Finds pods and containers again, as a daemon does when it starts. */
  async recover(): Promise<void> {
    const { signal } = new AbortController();
    const pods = await recoverPods(this.deps, signal);
    const containers = await recoverContainers(this.deps, signal);
    await sweepOrphans(this.deps, [...pods, ...containers]);
  }

  #compose(): Deps {
    const node = this.#node;
    const settings = settingsOf(node.dir);
    const { containerd } = fakeContainerd(node.world);
    const guard = <T extends object>(name: string, port: T): T => this.#guarded(name, port);
    let now = 1_795_000_000_000_000_000n;
    return {
      settings,
      containerd: {
        containers: guard("containers", containerd.containers),
        tasks: guard("tasks", containerd.tasks),
        snapshots: (name) => guard("snapshots", containerd.snapshots(name)),
      },
      network: guard("cni", node.cni),
      linux: guard("linux", linuxOf(node)),
      selinux: {
        ...fakeSelinux(),
        files: guard("linux", fakeSelinux(node.labels).files),
      },
      logs: guard("logs", logsOf(node)),
      images: { find: () => IMAGE },
      sandboxImage: () => Promise.resolve(IMAGE),
      unpackImage: () => Promise.reject(new Error("not in this test")),
      sandboxes: new SandboxStore(),
      containers: new ContainerStore(),
      names: new NameRegistry(),
      accounts: new Map(),
      oomKilled: new Set<ContainerId>(),
      sampler: { oomKills: () => undefined },
      podFlights: new Flights<SandboxId>(),
      podLocks: new KeyedLock<SandboxId>(),
      podStarts: new Map(),
      containerFlights: new Flights<ContainerId>(),
      containerLocks: new KeyedLock<ContainerId>(),
      taskDeletions: new Map(),
      rootfsMounts: new Map(),
      nodeHostname: () => "node",
      remapsOwners: () => true,
      nowNs: () => now++,
      host: HOST,
    };
  }

  /** A port whose every method is a point of failure. */
  #guarded<T extends object>(name: string, port: T): T {
    return new Proxy(port, {
      get: (target, key) => {
        const member: unknown = Reflect.get(target, key);
        if (typeof member !== "function") return member;
        return (...args: unknown[]) =>
          this.#call(`${name}.${String(key)}`, () => Reflect.apply(member, target, args));
      },
    });
  }

  #call(name: string, work: () => unknown): unknown {
    // The kernel answers at once and a list is a stream; everybody else's errors are rejections.
    const isSync =
      (name.startsWith("linux.") && !/readInRoot|resolveHostPath|relabel/.test(name)) ||
      name === "containers.list";
    return isSync ? this.#callSync(name, work) : this.#callAsync(name, work);
  }

  #callSync(name: string, work: () => unknown): unknown {
    const point = this.#begin(name);
    const result = work();
    this.#finish(point);
    return result;
  }

  async #callAsync(name: string, work: () => unknown): Promise<unknown> {
    const point = this.#begin(name);
    const result = await work();
    this.#finish(point);
    return result;
  }

  #begin(name: string): Point {
    this.#refuseIfDead();
    const point = { index: this.points.length, name };
    this.points.push(point);
    this.disturbance.before?.(point);
    this.#refuseIfDead();
    return point;
  }

  #finish(point: Point): void {
    this.disturbance.after?.(point);
    this.#refuseIfDead();
  }

  #refuseIfDead(): void {
    if (this.isDead) throw new CriError("unavailable", "This daemon is dead");
  }
}

function settingsOf(dir: string): Settings {
  return {
    rootDir: `${dir}/root`,
    stateDir: `${dir}/state`,
    netnsDir: `${dir}/netns`,
    logDirs: ["/var/log/pods"],
    maxLogLineBytes: 16384,
    cgroupDriver: "cgroupfs",
    runtimes: new Map([["runc", RUNC]]),
    defaultRuntime: "runc",
    cdiDirs: [],
    checkpointDirs: [`${dir}/checkpoints`],
  };
}

const HOST: Deps["host"] = {
  cgroupVersion: 1,
  cgroupDriver: "cgroupfs",
  capabilities: new Set(["CAP_CHOWN"]),
  arch: "x86_64",
  kernelRelease: "6.1.0",
  seccomp: true,
  apparmorProfiles: undefined,
  oomScoreAdjMin: -1000,
  hugetlb: false,
  swapAccounting: true,
  inUserNamespace: false,
  cgroupMountOptions: [],
  devices: [],
};

function linuxOf({ netns, mounts }: Node): Deps["linux"] {
  return {
    pinNetns: (path) => void netns.add(path),
    removeCgroup: () => Promise.resolve(),
    removeFiles: () => {},
    pinNetnsOf: (_pid, path) => void netns.add(path),
    unpinNetns: (path) => void netns.delete(path),
    mountTmpfs: (target) => void mounts.add(target),
    mountAll: (_mounts, target) => void mounts.add(target),
    unmount: (target) => void mounts.delete(target),
    mountsUnder: (prefix) => [...mounts].filter((path) => path.startsWith(prefix)),
    readInRoot: () => Promise.resolve(undefined),
    devicesAt: () => [],
    findInRoot: () => undefined,
    makeLink: () => {},
    resolveHostPath: (path) => Promise.resolve(path),
    sharingAt: () => "shared",
  };
}

function logsOf({ stdio }: Node): Deps["logs"] {
  return {
    open: ({ containerId, dir }) => {
      stdio.add(containerId);
      return Promise.resolve({ stdin: "", stdout: `${dir}/stdout`, stderr: `${dir}/stderr` });
    },
    attached: () => Promise.resolve(),
    drained: ({ containerId, close }) => {
      if (close) stdio.delete(containerId);
      return Promise.resolve({ complete: true });
    },
    close: ({ containerId }) => Promise.resolve(void stdio.delete(containerId)),
  };
}

function namesIn(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
