/** Images on a real containerd: the registry compartment's service and the server's store. */
import assert from "node:assert/strict";
import { CriError } from "../../src/base/errors.ts";
import { KeyedLock } from "../../src/base/keyed_lock.ts";
import { Slots } from "../../src/base/slots.ts";
import { connectContainerd, type Containerd } from "../../src/containerd/client.ts";
import { readArchive } from "../../src/images/archive.ts";
import { imageArchitecture } from "../../src/images/platform.ts";
import type { BuildPauseImage } from "../../src/images/sandbox_image.ts";
import { registryService, type ServiceDeps } from "../../src/images/serve.ts";
import type { PullRequest, RegistryService } from "../../src/images/service.ts";
import { removeImage } from "../../src/images/remove.ts";
import { type Image, ImageStore } from "../../src/images/store.ts";
import type { RegistryAuth } from "../../src/registry/credentials.ts";
import { DEFAULT_TIMING, type Timing } from "../../src/registry/timing.ts";
import { type TestImage, testImage, type TestImageOptions } from "../fakes/test_image.ts";
import { startContainerd } from "./containerd.ts";

export const SNAPSHOTTER = "overlayfs";

export interface ImagesWorld {
  readonly containerd: Containerd;
  readonly deps: ServiceDeps;
  readonly service: RegistryService;
  readonly store: ImageStore;
  readonly dir: string;
  readonly address: string;
  /** Pulls, and tells the store. */
  pull(reference: string, more?: Partial<PullRequest>): Promise<Image>;
  /** Removes an image and sees that it is gone. */
  remove(reference: string): Promise<void>;
  /** A file of an unpacked image. */
  readUnpacked(chainId: string, path: string): Promise<Uint8Array>;
  /** Fails when a transfer has left a lease or an unpacking snapshot. */
  assertNothingUnderWay(): Promise<void>;
  cleanUp(): Promise<void>;
}

/** A few lines that stand for the pause image. */
const standInPause: BuildPauseImage = () => {
  const files = [{ path: "pause", mode: 0o755, content: "not a program" }];
  const image = testImage({ layers: [files], compression: "none" });
  return { ...image, name: "cri-containerd/pause:test" };
};

/** @param more what the service is to have instead of the usual */
export async function imagesWorld(
  binary?: string,
  more: Partial<ServiceDeps> = {},
): Promise<ImagesWorld> {
  const dir = await Deno.makeTempDir({ prefix: "images-" });
  const running = await startContainerd(dir, binary === undefined ? {} : { binary });
  return worldOf({ ...imagesDeps(running.address, more), dir, address: running.address, running });
}

/** A registry in the same process is never slower than this, however busy the machine is. */
const PATIENT: Timing = {
  ...DEFAULT_TIMING,
  stallMs: 20_000,
  minBytes: 1024,
  backoffMs: 20,
  retries: 2,
};

/** For registries that are to be given up on. */
export const HURRIED: Timing = { ...PATIENT, stallMs: 800 };

/** The service and the store on a containerd that runs. */
export function imagesDeps(address: string, more: Partial<ServiceDeps> = {}) {
  const containerd = connectContainerd({ address, namespace: "k8s.io" });
  const deps: ServiceDeps = {
    ...containerd,
    snapshots: (name) => containerd.snapshots(name),
    architecture: imageArchitecture(),
    locks: new KeyedLock(),
    parallelLayers: 3,
    slots: new Slots(12),
    maxImageBytes: 1024n ** 4n,
    timing: PATIENT,
    buildPauseImage: standInPause,
    readArchive,
    openFile: async (path) => (await Deno.open(path)).readable,
    ...more,
  };
  return { containerd, deps, service: registryService(deps), store: new ImageStore(deps) };
}

type Parts = Pick<ImagesWorld, "containerd" | "deps" | "service" | "store" | "dir" | "address"> & {
  running: { cleanUp(): Promise<void> };
};

function worldOf({ containerd, deps, service, store, dir, address, running }: Parts): ImagesWorld {
  return {
    containerd,
    deps,
    service,
    store,
    dir,
    address,
    pull: async (reference, more = {}) => {
      const request = { reference, snapshotter: SNAPSHOTTER, ...more };
      const stored = await service.pull(request, calling());
      for (const name of stored.names) await store.refresh(name, inTime());
      const image = store.find(stored.imageId);
      assert(image !== undefined, "the pulled image is in the store");
      return image;
    },
    remove: async (reference) => {
      await removeImage({ images: containerd.images, store }, reference, inTime());
      assert.equal(store.find(reference), undefined);
    },
    readUnpacked: (chainId, path) => readUnpacked(containerd, chainId, path),
    assertNothingUnderWay: async () => {
      assert.deepEqual(await containerd.leases.list([]), []);
      const keys: string[] = [];
      for await (const { name } of containerd.snapshots(SNAPSHOTTER).list([])) keys.push(name);
      assert.deepEqual(keys.filter((key) => key.startsWith("extract-")), []);
    },
    cleanUp: async () => {
      containerd.close();
      await running.cleanUp();
      await Deno.remove(dir, { recursive: true });
    },
  };
}

/** What a caller of the service gives. */
export function calling(signal: AbortSignal = inTime()) {
  return { signal, progress: (_: unknown) => {} };
}

export function inTime(): AbortSignal {
  return AbortSignal.timeout(30_000);
}

/** Credentials to fill in. */
export const NO_AUTH: RegistryAuth = {
  username: "",
  password: "",
  auth: "",
  serverAddress: "",
  identityToken: "",
  registryToken: "",
};

/** An image that no other test has. */
export function uniqueImage(more: Partial<TestImageOptions> = {}): TestImage {
  const files = [{ path: "etc/serial", content: crypto.randomUUID() }];
  return testImage({ layers: [files], ...more });
}

/** Fails unless the work fails with this kind and text. */
export async function rejectsWith(
  kind: string,
  text: RegExp,
  work: Promise<unknown>,
): Promise<CriError> {
  try {
    await work;
  } catch (error) {
    assert(error instanceof CriError, String(error));
    assert.match(error.message, text);
    assert.equal(error.kind, kind, error.message);
    return error;
  }
  assert.fail("it succeeded");
}

async function readUnpacked(
  containerd: Containerd,
  chainId: string,
  path: string,
): Promise<Uint8Array> {
  const snapshots = containerd.snapshots(SNAPSHOTTER);
  const key = `look-${crypto.randomUUID()}`;
  // A root: garbage collection after a removal may run at any moment.
  const root = new Map([["containerd.io/gc.root", new Date().toISOString()]]);
  const [mount] = await snapshots.view(key, chainId, root);
  assert(mount !== undefined);
  const lower = mount.options.find((option) => option.startsWith("lowerdir="));
  const folders = lower === undefined ? [mount.source] : lower.slice(9).split(":");
  try {
    for (const folder of folders) {
      try {
        return await Deno.readFile(`${folder}/${path}`);
      } catch {
        // Of another layer.
      }
    }
    assert.fail(`no ${path} in the image`);
  } finally {
    await snapshots.remove(key);
  }
}
