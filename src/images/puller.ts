/** The server's side of pulls: the registry compartment does the work, the store learns of it. */
import type { AuthConfig } from "../gen/cri/v1/api.ts";
import type { RegistryAuth } from "../registry/credentials.ts";
import { CriError } from "../base/errors.ts";
import { waitFor } from "../base/keyed_lock.ts";
import type { Image } from "./image.ts";
import { completeName, type Naming, USUAL_NAMING } from "./naming.ts";
import type { PullProgress } from "./progress.ts";
import { parseReference } from "./reference.ts";
import type { PullRequest, SandboxImageRequest, StoredImage } from "./service.ts";
import type { ImageStore } from "./store.ts";

export interface ImagePuller {
  /** Pulls an image and unpacks it. @throws CriError as {@link import("./pull.ts").pullImage} does */
  pull(
    request: PullRequest,
    signal: AbortSignal,
    onProgress?: (progress: PullProgress) => void,
  ): Promise<{ imageId: string }>;
}

/** What is called of the registry compartment: a channel to it fits. */
export interface RegistryCalls {
  pull(
    request: PullRequest,
    options?: { signal?: AbortSignal; onProgress?: (value: unknown) => void },
  ): Promise<StoredImage>;
  sandboxImage(
    request: SandboxImageRequest,
    options?: { signal?: AbortSignal },
  ): Promise<StoredImage>;
}

export interface PullerDeps {
  readonly registry: RegistryCalls;
  readonly store: Pick<ImageStore, "find" | "refresh">;
  /** The field's habits when left out. */
  readonly naming?: Naming;
}

export function imagePuller(
  { registry, store, naming = USUAL_NAMING }: PullerDeps,
): ImagePuller {
  return {
    pull: async (asked, signal, onProgress) => {
      const request = { ...asked, reference: completeName(naming, asked.reference) };
      parseReference(request.reference);
      const listener = onProgress === undefined ? {} : {
        // Both ends are compiled together: this is what the other one sends.
        onProgress: (value: unknown) => onProgress(value as PullProgress),
      };
      const { imageId, names } = await registry.pull(request, { signal, ...listener });
      for (const name of names) await store.refresh(name, signal);
      return { imageId };
    },
  };
}

/**
 * The sandbox image, made sure of once in the life of this process and again when it is gone.
 * Callers at the same time share the work; one that goes away doesn't end it for the others.
 */
export function sandboxImages(
  deps: PullerDeps,
  request: SandboxImageRequest,
): (signal: AbortSignal) => Promise<Image> {
  let imageId: string | undefined;
  let work: Promise<void> | undefined;
  const ensure = async () => {
    const signal = AbortSignal.timeout(SANDBOX_IMAGE_TIMEOUT_MS);
    const stored = await deps.registry.sandboxImage(request, { signal });
    for (const name of stored.names) await deps.store.refresh(name, signal);
    imageId = stored.imageId;
  };
  return async (signal) => {
    const known = imageId === undefined ? undefined : deps.store.find(imageId);
    if (known !== undefined) return known;
    work ??= ensure().finally(() => work = undefined);
    await waitFor(work, signal);
    const image = imageId === undefined ? undefined : deps.store.find(imageId);
    if (image !== undefined) return image;
    throw new CriError("internal", "The sandbox image was removed as soon as it was stored");
  };
}

const SANDBOX_IMAGE_TIMEOUT_MS = 10 * 60_000;

/** The request's credentials, undefined when it has none. */
export function toRegistryAuth(auth: AuthConfig | undefined): RegistryAuth | undefined {
  if (auth === undefined) return undefined;
  const { username, password, serverAddress, identityToken, registryToken } = auth;
  return { username, password, auth: auth.auth, serverAddress, identityToken, registryToken };
}
