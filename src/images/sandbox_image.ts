/** The image of the container that holds a pod's namespaces: always there, never collected. */
import { during, isKind } from "../base/errors.ts";
import type { Descriptor } from "../containerd/types.ts";
import { childLabels } from "./gc_labels.ts";
import { withLease } from "./lease.ts";
import { DOCKER_LAYER, OCI_CONFIG, OCI_MANIFEST } from "./manifest.ts";
import { PINNED_LABELS } from "./records.ts";
import { canonicalName, parseReference } from "./reference.ts";
import type { PullRequest, StoredImage } from "./service.ts";
import { storeDocument, type Transfer, type TransferDeps } from "./transfer.ts";
import { unpackStored, unpackTarget } from "./unpack_stored.ts";

/** The built-in image, ready to be stored. */
export interface BuiltImage {
  layers: { mediaType: string; digest: string; bytes: Uint8Array; diffId: string }[];
  config: { digest: string; bytes: Uint8Array };
  manifest: { digest: string; bytes: Uint8Array };
  name: string;
}

export type BuildPauseImage = (arch: string) => BuiltImage | Promise<BuiltImage>;

export interface SandboxImageDeps extends TransferDeps {
  readonly buildPauseImage: BuildPauseImage;
}

export interface SandboxImageWanted {
  /** "" is the built-in one. */
  reference: string;
  snapshotter: string;
  pull(request: PullRequest): Promise<StoredImage>;
}

/**
 * Makes sure that the sandbox image is stored, unpacked and pinned. One that is named is pulled
 * only if it isn't on the node.
 *
 * @throws CriError as a pull does
 */
export async function ensureSandboxImage(
  deps: SandboxImageDeps,
  { reference, snapshotter, pull }: SandboxImageWanted,
  signal: AbortSignal,
): Promise<StoredImage> {
  if (reference === "") return await storeBuiltIn(deps, snapshotter, signal);
  const name = canonicalName(parseReference(reference, "images.sandbox_image"));
  const labels = new Map(PINNED_LABELS);
  try {
    return await unpackStored(deps, { name, snapshotter, labels }, signal);
  } catch (error) {
    if (!isKind(error, "notFound")) throw error;
  }
  return await pull({ reference, snapshotter, labels });
}

async function storeBuiltIn(
  deps: SandboxImageDeps,
  snapshotter: string,
  signal: AbortSignal,
): Promise<StoredImage> {
  const built = await deps.buildPauseImage(deps.architecture);
  try {
    return await withLease(deps.leases, signal, async (leaseId) => {
      const transfer: Transfer = { deps, leaseId, signal };
      const target = await storeBuilt(transfer, built);
      const names = [canonicalName(parseReference(built.name))];
      return await unpackTarget(transfer, { target, names, labels: PINNED_LABELS, snapshotter });
    });
  } catch (error) {
    throw during("Cannot store the built-in sandbox image", error);
  }
}

/** The parts before the manifest that names them. */
async function storeBuilt(transfer: Transfer, built: BuiltImage): Promise<Descriptor> {
  const layers = built.layers.map((it) => descriptor(it.mediaType || DOCKER_LAYER, it));
  const config = descriptor(OCI_CONFIG, built.config);
  const manifest = descriptor(OCI_MANIFEST, built.manifest);
  for (const { bytes, digest } of [...built.layers, built.config]) {
    await storeDocument(transfer, { descriptor: { digest }, bytes, labels: () => new Map() });
  }
  await storeDocument(transfer, {
    descriptor: manifest,
    bytes: built.manifest.bytes,
    labels: (existing) => childLabels(existing, { config, layers }),
  });
  return manifest;
}

function descriptor(
  mediaType: string,
  { digest, bytes }: { digest: string; bytes: Uint8Array },
): Descriptor {
  return { mediaType, digest, sizeBytes: BigInt(bytes.length), annotations: new Map() };
}
