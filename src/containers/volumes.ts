/** The volumes that an image names: each a folder of the container's own with the image's content. */
import type { Image } from "../images/image.ts";
import { imageVolumePaths } from "../oci/mounts.ts";
import type { VolumeSource } from "../oci/input.ts";
import type { Container } from "../state/containers.ts";
import { containerDir } from "../state/folders.ts";
import type { Settings } from "../state/settings.ts";
import { type CopyDeps, copyEntry } from "./copy_tree.ts";
import { filesLabel, type SelinuxDeps } from "./selinux.ts";

export interface VolumeDeps {
  readonly settings: Settings;
  readonly linux: CopyDeps["linux"] & {
    findInRoot(root: string, path: string): string | undefined;
  };
}

interface Owner {
  readonly container: Pick<Container, "id" | "metadata">;
  readonly image: Image;
}

/** Paths that the request mounts something on have no volume. Folders are numbered, not named. */
export function volumesOf(settings: Settings, { container, image }: Owner): VolumeSource[] {
  const { mounts } = container.metadata.config;
  const dir = containerDir(settings, container.id);
  return imageVolumePaths(image.config.volumes, mounts)
    .map((containerPath, index) => ({ containerPath, hostPath: `${dir}/volumes/${index}` }));
}

/** Makes the folders. They go with the container's own. */
export async function makeVolumes(settings: Settings, owner: Owner): Promise<void> {
  for (const { hostPath } of volumesOf(settings, owner)) {
    await Deno.mkdir(hostPath, { recursive: true, mode: 0o755 });
  }
}

/** Copies what the image has at its volumes' places; a volume at a file's place is a file. */
export async function fillVolumes(
  deps: VolumeDeps,
  { root, ...owner }: Owner & { root: string },
  signal: AbortSignal,
): Promise<void> {
  for (const { containerPath, hostPath } of volumesOf(deps.settings, owner)) {
    const source = deps.linux.findInRoot(root, containerPath);
    if (source === undefined) continue;
    await Deno.remove(hostPath);
    await copyEntry(deps, { source, target: hostPath }, signal);
  }
}

/** Labels the volumes, once they are filled, as the container's files are. */
export async function labelVolumes(
  deps: SelinuxDeps & Pick<VolumeDeps, "settings">,
  owner: Owner,
  signal: AbortSignal,
): Promise<void> {
  const label = filesLabel(deps, owner.container.metadata);
  if (label === "") return;
  for (const { hostPath } of volumesOf(deps.settings, owner)) {
    await deps.selinux?.files.relabel(hostPath, label, signal);
  }
}
