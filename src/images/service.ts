/** What the registry compartment does for the others: everything that moves or unpacks content. */
import type { RegistryAuth } from "../registry/credentials.ts";
import type { PullProgress } from "./progress.ts";

export interface PullRequest {
  /** As the caller wrote it, `busybox` or `127.0.0.1:5000/app@sha256:…`. */
  reference: string;
  auth?: RegistryAuth;
  snapshotter: string;
  /** For the image records, beside our own. */
  labels?: Map<string, string>;
}

export interface SandboxImageRequest {
  /** "" is the built-in pause image. */
  reference: string;
  snapshotter: string;
}

export interface ImportRequest {
  /** A tar archive, plain or packed by gzip or zstd. */
  path: string;
  snapshotter: string;
  labels?: Map<string, string>;
  /** Repository for images of the archive that have a tag and no name of their own. */
  baseName?: string;
}

export interface UnpackRequest {
  /** Name of the image record. */
  name: string;
  snapshotter: string;
}

/** Image id, and the names of the records that were made or changed. */
export interface StoredImage {
  imageId: string;
  names: string[];
}

/** What such a call gets from its caller; a channel's call context fits. */
export interface ServiceContext {
  readonly signal: AbortSignal;
  progress(value: PullProgress): void;
}

/** Served by the registry compartment. */
export interface RegistryService {
  pull(request: PullRequest, context: ServiceContext): Promise<StoredImage>;
  /** Makes sure that the sandbox image is there, unpacked and pinned. */
  sandboxImage(request: SandboxImageRequest, context: ServiceContext): Promise<StoredImage>;
  /** Reads an archive of images; what it holds for other platforms is left out. */
  importArchive(request: ImportRequest, context: ServiceContext): Promise<StoredImage[]>;
  /** Unpacks an image that somebody else put into the content store. */
  unpack(request: UnpackRequest, context: ServiceContext): Promise<StoredImage>;
}
