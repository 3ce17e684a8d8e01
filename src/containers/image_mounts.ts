/** Images that a container mounts as volumes: read-only, as a whole or a folder of them. */
import { CriError, invalidArgument } from "../base/errors.ts";
import { removePath } from "../base/gone.ts";
import { makePrivateFolder } from "../base/private_folder.ts";
import type { Containerd } from "../containerd/client.ts";
import type { Mount } from "../containerd/mount.ts";
import type { ContainerConfig, Mount as AskedMount } from "../gen/cri/v1/api.ts";
import type { Image } from "../images/image.ts";
import type { ImageStore } from "../images/store.ts";
import { inContext } from "../oci/selinux.ts";
import type { Container } from "../state/containers.ts";
import { imageMountsDir } from "../state/folders.ts";
import type { Settings } from "../state/settings.ts";
import { onUnpacked, removeSnapshot, type UnpackDeps } from "./snapshot.ts";

export type ImageMountDeps = ReleaseDeps & UnpackDeps & {
  readonly images: Pick<ImageStore, "find">;
  readonly linux: {
    mountAll(mounts: Mount[], target: string): void;
    findInRoot(root: string, path: string): string | undefined;
  };
};

export interface ReleaseDeps {
  readonly containerd: Pick<Containerd, "snapshots">;
  readonly settings: Settings;
  readonly linux: { unmount(target: string): void };
}

type Owner = Pick<Container, "id" | "metadata" | "snapshotter">;

/** A container to be, with the group of its root if that isn't the node's. */
type NewOwner = Owner & { readonly group: number | undefined; readonly filesLabel: string };

/** An image mounted at a place of the request's list. */
interface ImageMount {
  readonly index: number;
  readonly reference: string;
  readonly subPath: string;
}

export function isImageMount({ image }: Pick<AskedMount, "image">): boolean {
  return image !== undefined && image.image !== "";
}

function imageMounts({ mounts }: ContainerConfig): ImageMount[] {
  return mounts.flatMap(({ image, imageSubPath: subPath }, index) =>
    image === undefined || image.image === "" ? [] : [{ index, reference: image.image, subPath }]
  );
}

/**
 * Mounts the images that a request names and gives the folders by their places in its list. Undone by
 * {@link unmountImages}.
 *
 * @throws CriError notFound for an image that isn't here, invalidArgument for a sub-path that isn't
 *   in it
 */
export async function mountImages(
  deps: ImageMountDeps,
  owner: NewOwner,
  signal: AbortSignal,
): Promise<Map<number, string>> {
  await makePrivateFolder(imageMountsDir(deps.settings, owner.id), owner.group);
  const paths = new Map<number, string>();
  for (const mount of imageMounts(owner.metadata.config)) {
    paths.set(mount.index, await mountImage(deps, { owner, mount }, signal));
  }
  return paths;
}

async function mountImage(
  deps: ImageMountDeps,
  { owner, mount }: { owner: NewOwner; mount: ImageMount },
  signal: AbortSignal,
): Promise<string> {
  const { index, reference, subPath } = mount;
  const image = findImage(deps, mount);
  const { snapshotter } = owner;
  // Nothing but its label holds a snapshot that no record names.
  const labels = new Map([["containerd.io/gc.root", new Date().toISOString()]]);
  const snapshots = deps.containerd.snapshots(snapshotter);
  // Let come to its end: a cancelled one may be made after it was looked for.
  const view = () => snapshots.view(viewKey(owner, index), image.chainId, labels);
  const mounts = await onUnpacked(deps, { image, snapshotter, make: view }, signal);
  signal.throwIfAborted();
  const root = rootOf(deps, owner, index);
  await Deno.mkdir(root, { recursive: true, mode: 0o711 });
  const readOnly = mounts.map((one) => ({ ...one, options: [...one.options, "ro"] }));
  deps.linux.mountAll(inContext(readOnly, owner.filesLabel), root);
  if (subPath === "") return root;
  const found = deps.linux.findInRoot(root, subPath);
  if (found !== undefined) return found;
  throw invalidArgument(
    `config.mounts[${index}].image_sub_path`,
    // The kubelet knows this word (k8s.io/cri-api/pkg/errors).
    `ImageVolumeMountFailed: ${JSON.stringify(subPath)} is not in the image ${reference}`,
  );
}

function findImage({ images }: ImageMountDeps, { index, reference }: ImageMount): Image {
  const image = images.find(reference);
  if (image !== undefined) return image;
  throw new CriError(
    "notFound",
    `config.mounts[${index}].image: no image ${JSON.stringify(reference)} on this node`,
    { remedy: "pull it first" },
  );
}

/** Takes a container's image mounts away; gone is done. */
export async function unmountImages(
  deps: ReleaseDeps,
  owner: Owner,
  signal: AbortSignal,
): Promise<void> {
  const mounts = imageMounts(owner.metadata.config);
  if (mounts.length === 0) return;
  for (const { index } of mounts) deps.linux.unmount(rootOf(deps, owner, index));
  await removePath(imageMountsDir(deps.settings, owner.id));
  for (const { index } of mounts) {
    const { snapshotter } = owner;
    await removeSnapshot(deps, { snapshotter, snapshotKey: viewKey(owner, index) }, signal);
  }
}

function viewKey({ id }: Owner, index: number): string {
  return `${id}-image-${index}`;
}

function rootOf({ settings }: ReleaseDeps, { id }: Owner, index: number): string {
  return `${imageMountsDir(settings, id)}/${index}`;
}
