/** What an image is to the rest of the daemon. */
import type { ImageId } from "../base/id.ts";

/** What the image's own configuration asks of a container; empty where it says nothing. */
export interface ImageConfig {
  readonly user: string;
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  /** Paths in the container. */
  readonly volumes: readonly string[];
  readonly workingDir: string;
  readonly labels: ReadonlyMap<string, string>;
  /** Name or number, "" for SIGTERM. */
  readonly stopSignal: string;
}

/** An image of containerd's namespace, whoever put it there. Never changed once it is made. */
export interface Image {
  readonly id: ImageId;
  /** `repository:tag`, sorted. */
  readonly repoTags: readonly string[];
  /** `repository@digest`, sorted. */
  readonly repoDigests: readonly string[];
  /** What it takes in the content store: configuration and packed layers. */
  readonly sizeBytes: bigint;
  /** Name of its topmost snapshot. */
  readonly chainId: string;
  readonly config: ImageConfig;
  /** The kubelet's garbage collection leaves it alone. */
  readonly pinned: boolean;
  /** Names of its records in containerd, tags before digests before the id. */
  readonly names: readonly string[];
}
