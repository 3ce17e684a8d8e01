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
  readonly snapshots: Pick<Snapshots, "list" | "usage">;
  /** Name of the snapshotter. */
  readonly snapshotter: string;
  readonly introspection: Pick<Introspection, "plugins">;
  readonly statfs: Statfs;
  /** Folder that exists, for snapshotters without a folder of their own. */
  readonly fallbackPath: string;
}

interface Measured extends Usage {
  readonly isFinal: boolean;
}

const INTERVAL_MS = 10_000;
/** Measuring walks the folders of running containers: it may take this part of the time. */
const MAX_SHARE = 0.05;
const ROUND_TIMEOUT_MS = 120_000;
const NS_PER_MS = 1_000_000n;

/** Measures again and again until it is stopped; answers are as old as the last round. */
export class ImageUsage {
  readonly #deps: UsageDeps;
  readonly #measured = new Map<string, Measured>();
  #mountpoint: string | undefined;
  #atMs = 0;
  #round: Promise<void> | undefined;

  constructor(deps: UsageDeps) {
    this.#deps = deps;
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
    return this.#measured.get(key);
  }

  /** When the last round ended, in nanoseconds since the epoch; 0n before the first. */
  get measuredAtNs(): bigint {
    return BigInt(this.#atMs) * NS_PER_MS;
  }

  /** Where the snapshots lie; undefined before the first round. */
  get mountpoint(): string | undefined {
    return this.#mountpoint;
  }

  /** The answer to ImageFsInfo; the first call waits for the first round. */
  async fsInfo(signal: AbortSignal): Promise<ImageFsInfoResponse> {
    if (this.#atMs === 0) await this.measure(signal);
    this.#mountpoint ??= await this.#findMountpoint(signal);
    let usedBytes = 0n;
    let inodes = 0n;
    for (const usage of this.#measured.values()) {
      usedBytes += usage.sizeBytes;
      inodes += usage.inodes;
    }
    const usage: FilesystemUsage = {
      timestamp: this.measuredAtNs,
      fsId: { mountpoint: this.#mountpoint },
      usedBytes: { value: usedBytes },
      inodesUsed: { value: inodes },
    };
    return { imageFilesystems: [usage], containerFilesystems: [usage] };
  }

  /** One round; callers at the same time share it. */
  async measure(signal: AbortSignal): Promise<void> {
    this.#round ??= this.#measureAll(signal).finally(() => this.#round = undefined);
    await this.#round;
  }

  async #measureAll(signal: AbortSignal): Promise<void> {
    const o = { signal: AbortSignal.any([signal, AbortSignal.timeout(ROUND_TIMEOUT_MS)]) };
    const seen = new Set<string>();
    for await (const snapshot of this.#deps.snapshots.list([], o)) {
      seen.add(snapshot.name);
      // A committed snapshot never changes.
      if (this.#measured.get(snapshot.name)?.isFinal) continue;
      await this.#measureOne(snapshot, o);
    }
    for (const name of this.#measured.keys()) if (!seen.has(name)) this.#measured.delete(name);
    this.#mountpoint ??= await this.#findMountpoint(signal);
    this.#atMs = Date.now();
  }

  async #measureOne(snapshot: SnapshotInfo, o: { signal: AbortSignal }): Promise<void> {
    try {
      const usage = await this.#deps.snapshots.usage(snapshot.name, o);
      this.#measured.set(snapshot.name, { ...usage, isFinal: snapshot.kind === "committed" });
    } catch (error) {
      // Gone since it was listed, or unmeasurable: one snapshot must not hide all others.
      if (!isKind(error, "notFound", "internal")) throw error;
      this.#measured.delete(snapshot.name);
    }
  }

  /** The snapshotter's folder as it tells it itself; the kubelet asks the disk for its free space. */
  async #findMountpoint(signal: AbortSignal): Promise<string> {
    const { introspection, snapshotter, statfs, fallbackPath } = this.#deps;
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
