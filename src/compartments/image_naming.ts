/** How images are called on this node, out of the configuration. */
import type { Config } from "../config/table.ts";
import { type Naming, namingOf } from "../images/naming.ts";

export function imageNaming({ images }: Config): Naming {
  return namingOf({ shortNames: images.short_names, pinned: images.pinned_images });
}
