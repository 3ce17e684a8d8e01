/** The volumes that an image names: each a folder of the container's own. */
import type { Image } from "../images/image.ts";
import type { VolumeSource } from "../oci/input.ts";
import type { Container } from "../state/containers.ts";
import { containerDir } from "../state/folders.ts";
import type { Settings } from "../state/settings.ts";

interface Owner {
  readonly container: Pick<Container, "id" | "metadata">;
  readonly image: Image;
}

/** Paths that the request mounts something on have no volume. Folders are numbered, not named. */
export function volumesOf(settings: Settings, { container, image }: Owner): VolumeSource[] {
  const { mounts } = container.metadata.config;
  const dir = containerDir(settings, container.id);
  return image.config.volumes
    .filter((path) => !mounts.some(({ containerPath }) => containerPath === path))
    .map((containerPath, index) => ({ containerPath, hostPath: `${dir}/volumes/${index}` }));
}

/** Makes the folders. They go with the container's own. */
export async function makeVolumes(settings: Settings, owner: Owner): Promise<void> {
  for (const { hostPath } of volumesOf(settings, owner)) {
    await Deno.mkdir(hostPath, { recursive: true, mode: 0o755 });
  }
}
