/** What the steps of a pull share. */
import type { Slots } from "../base/slots.ts";
import type { Repository } from "../registry/client.ts";
import type { NodeCredentials, RegistryAuth } from "../registry/credentials.ts";
import type { Hosts } from "../registry/hosts.ts";
import type { Fetch } from "../registry/http.ts";
import type { Timing } from "../registry/timing.ts";
import type { HandOver } from "./handed_fetch.ts";
import type { Manifest } from "./manifest.ts";
import type { Progress } from "./progress.ts";
import type { ImageReference } from "./reference.ts";
import type { SignaturePolicy } from "./signatures.ts";
import type { Transfer, TransferDeps } from "./transfer.ts";

export interface PullDeps extends TransferDeps {
  /** Layers of one image that are fetched at the same time. */
  readonly parallelLayers: number;
  /** Layers of all images that are fetched at the same time. */
  readonly slots: Slots;
  /** Of all layers of an image together, packed. */
  readonly maxImageBytes: bigint;
  /** The servers of a registry; each is its own when left out. */
  readonly hosts?: Hosts;
  /** The node's credentials, for pulls that bring none. */
  readonly nodeCredentials?: () => Promise<NodeCredentials>;
  /** The keys that must have signed an image; none where nothing is said. */
  readonly signatures?: (image: ImageReference) => Promise<SignaturePolicy | undefined>;
  /** Others than the system's are for tests. */
  readonly fetch?: Fetch;
  readonly timing?: Timing;
  /** Lets containerd fetch content by itself; left out, all is fetched here. */
  readonly handOver?: HandOver;
  readonly isRemoteSnapshotter?: (name: string) => boolean;
}

export interface Pull {
  readonly reference: ImageReference;
  readonly auth: RegistryAuth | undefined;
  readonly snapshotter: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly progress: Progress;
}

/** A pull at work. */
export interface PullTransfer extends Transfer {
  readonly deps: PullDeps;
  readonly pull: Pull;
  readonly source: Repository;
}

/** The manifest for this machine. */
export interface ChosenManifest extends Manifest {
  readonly digest: string;
}
