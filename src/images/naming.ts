/** What the node's configuration says about images' names: short ones, and those that are pinned. */
import { invalidArgument } from "../base/errors.ts";
import { hasRegistry } from "./reference.ts";

export interface Naming {
  /**
   * A name with its registry; undefined for a short one where the configuration has none for it.
   */
  complete(name: string): string | undefined;
  /** Whether images of this whole name are left alone by the kubelet's garbage collection. */
  isPinned(name: string): boolean;
}

/** The field's habits: short names are Docker Hub's, nothing is pinned by name. */
export const USUAL_NAMING: Naming = { complete: (name) => name, isPinned: () => false };

/**
 * @param shortNames registry of short names, with the beginning of a repository or without; "" is
 *   none
 * @param pinned names in which * stands for any characters
 */
export function namingOf(
  { shortNames, pinned }: { shortNames: string; pinned: readonly string[] },
): Naming {
  const patterns = pinned.map(toPattern);
  return {
    complete: (name) => {
      if (hasRegistry(name) || shortNames === "docker.io") return name;
      return shortNames === "" ? undefined : `${shortNames}/${name}`;
    },
    isPinned: (name) => patterns.some((pattern) => pattern.test(name)),
  };
}

/** @throws CriError invalidArgument for a short name that nothing is said about */
export function completeName(naming: Naming, name: string, field = "image.image"): string {
  const complete = naming.complete(name);
  if (complete !== undefined) return complete;
  throw invalidArgument(
    field,
    `${JSON.stringify(name)} names no registry, and images.short_names has none for such names`,
  );
}

function toPattern(text: string): RegExp {
  return new RegExp(`^${text.split("*").map((part) => RegExp.escape(part)).join(".*")}$`);
}
