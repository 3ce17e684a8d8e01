/** ImageFsInfo: what the snapshots take, measured in the background. */
import { isKind } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { Introspection } from "../containerd/introspection.ts";
import type { SnapshotInfo, Snapshots, Usage } from "../containerd/snapshots.ts";
import type { FilesystemUsage, ImageFsInfoResponse } from "../gen/cri/v1/api.ts";

const log = logger("images");

/** Statfs of a path, as far as it is needed here; throws when there is no such path. */
export type Statfs = (path: string) => unknown;

export interface UsageDeps {
  snapshots(snapshotter: string): Pick<Snapshots, "list" | "usage">;
  /** Names of the snapshotters in use, that of most pods first. */
  readonly snapshotters: readonly string[];
  readonly introspection: Pick<Introspection, "plugins">;
  readonly statfs: Statfs;
  /** Folder that exists, for snapshotters without a folder of their own. */
  readonly fallbackPath: string;
}

interface Measured extends Usage {
  readonly isFinal: boolean;
  /** How many rounds leave it out from now on. */
  skips: number;
}

/** What one snapshotter has. */
interface Filesystem {
  readonly snapshotter: string;
  readonly measured: Map<string, Measured>;
  mountpoint: string | undefined;
}

const INTERVAL_MS = 10_000;
/**
 * Most containers never write to their own filesystem: one that didn't since it was last measured is
 * left out of so many rounds.
 */
const QUIET_ROUNDS = 2;
/** Measuring walks the folders of running containers: it may take this part of the time. */
const MAX_SHARE = 0.05;
const ROUND_TIMEOUT_MS = 120_000;
const NS_PER_MS = 1_000_000n;

/** Measures again and again until it is stopped; answers are as old as the last round. */
export class ImageUsage {
  readonly #deps: UsageDeps;
  readonly #filesystems: readonly Filesystem[];
  #atMs = 0;
  #round: Promise<void> | undefined;

  constructor(deps: UsageDeps) {
    this.#deps = deps;
    this.#filesystems = [...new Set(deps.snapshotters)].map((snapshotter) => {
      return { snapshotter, measured: new Map(), mountpoint: undefined };
    });
  }

  /** Measures in the background from now on. */
  start(stopping: AbortSignal): void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const next = async () => {
      const began = performance.now();
      try {
        await this.measure(stopping);
      } catch (error) {
        if (stopping.aborted) return;
        log.debug("Cannot measure the snapshots: {error}", { error });
      }
      if (stopping.aborted) return;
      const tookMs = performance.now() - began;
      timer = setTimeout(next, Math.max(INTERVAL_MS, tookMs / MAX_SHARE));
    };
    stopping.addEventListener("abort", () => clearTimeout(timer), { once: true });
    void next();
  }

  /** What one snapshot took at the last round, undefined for one that wasn't there then. */
  of(key: string): Usage | undefined {
    for (const { measured } of this.#filesystems) {
      const usage = measured.get(key);
      if (usage !== undefined) return usage;
    }
    return undefined;
  }

  /** When the last round ended, in nanoseconds since the epoch; 0n before the first. */
  get measuredAtNs(): bigint {
    return BigInt(this.#atMs) * NS_PER_MS;
  }

  /** Where the snapshots of most pods lie; undefined before the first round. */
  get mountpoint(): string | undefined {
    return this.#filesystems[0]?.mountpoint;
  }

  /** The answer to ImageFsInfo; the first call waits for the first round. */
  async fsInfo(signal: AbortSignal): Promise<ImageFsInfoResponse> {
    if (this.#atMs === 0) await this.measure(signal);
    const found = this.#filesystems.filter(({ mountpoint }) => mountpoint !== undefined);
    const usages = found.map((filesystem) => this.#sumOf(filesystem));
    // Images and what containers write lie side by side in a snapshotter's folder.
    return { imageFilesystems: usages, containerFilesystems: usages };
  }

  #sumOf({ measured, mountpoint = this.#deps.fallbackPath }: Filesystem): FilesystemUsage {
    let usedBytes = 0n;
    let inodes = 0n;
    for (const usage of measured.values()) {
      usedBytes += usage.sizeBytes;
      inodes += usage.inodes;
    }
    return {
      timestamp: this.measuredAtNs,
      fsId: { mountpoint },
      usedBytes: { value: usedBytes },
      inodesUsed: { value: inodes },
    };
  }

  /** One round; callers at the same time share it. */
  async measure(signal: AbortSignal): Promise<void> {
    this.#round ??= this.#measureAll(signal).finally(() => this.#round = undefined);
    await this.#round;
  }

  async #measureAll(signal: AbortSignal): Promise<void> {
    const o = { signal: AbortSignal.any([signal, AbortSignal.timeout(ROUND_TIMEOUT_MS)]) };
    const [first] = this.#filesystems;
    for (const filesystem of this.#filesystems) {
      try {
        await this.#measureSnapshotter(filesystem, o);
      } catch (error) {
        // One that some runtime is configured with may not be there yet.
        if (filesystem === first || signal.aborted) throw error;
        log.debug("Cannot measure {snapshotter}: {error}", { ...filesystem, error });
      }
    }
    this.#atMs = Date.now();
  }

  async #measureSnapshotter(
    filesystem: Filesystem,
    o: { signal: AbortSignal },
  ): Promise<void> {
    const { snapshotter, measured } = filesystem;
    const seen = new Set<string>();
    for await (const snapshot of this.#deps.snapshots(snapshotter).list([], o)) {
      seen.add(snapshot.name);
      const last = measured.get(snapshot.name);
      // A committed snapshot never changes.
      if (last?.isFinal) continue;
      if (last === undefined || last.skips === 0) {
        await this.#measureOne(filesystem, snapshot, o);
      } else last.skips--;
    }
    for (const name of measured.keys()) if (!seen.has(name)) measured.delete(name);
    filesystem.mountpoint ??= await this.#findMountpoint(snapshotter, o.signal);
  }

  async #measureOne(
    { snapshotter, measured }: Filesystem,
    snapshot: SnapshotInfo,
    o: { signal: AbortSignal },
  ): Promise<void> {
    try {
      const usage = await this.#deps.snapshots(snapshotter).usage(snapshot.name, o);
      const last = measured.get(snapshot.name);
      const isQuiet = last?.sizeBytes === usage.sizeBytes && last.inodes === usage.inodes;
      measured.set(snapshot.name, {
        ...usage,
        isFinal: snapshot.kind === "committed",
        skips: isQuiet ? QUIET_ROUNDS : 0,
      });
    } catch (error) {
      // Gone since it was listed, or unmeasurable: one snapshot must not hide all others.
      if (!isKind(error, "notFound", "internal")) throw error;
      measured.delete(snapshot.name);
    }
  }

  /** The snapshotter's folder as it tells it itself; the kubelet asks the disk for its free space. */
  async #findMountpoint(snapshotter: string, signal: AbortSignal): Promise<string> {
    const { introspection, statfs, fallbackPath } = this.#deps;
    const filter = `type==io.containerd.snapshotter.v1,id==${snapshotter}`;
    const [plugin] = await introspection.plugins([filter], { signal });
    const root = plugin?.exports.get("root");
    if (root === undefined) return fallbackPath;
    try {
      statfs(root);
      return root;
    } catch {
      return fallbackPath;
    }
  }
}
