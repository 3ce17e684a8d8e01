/** Names of pods and containers: unique on the node, reserved while somebody is making them. */
import { CriError, invalidArgument } from "../base/errors.ts";
import type { ContainerMetadata, PodSandboxMetadata } from "../gen/cri/v1/api.ts";

/** The name that holds a pod's place: two attempts at a pod differ, a retry of one doesn't. */
export function sandboxName(metadata: PodSandboxMetadata): string {
  return [metadata.name, metadata.namespace, metadata.uid, metadata.attempt].join("_");
}

/** The name that holds a container's place in its pod. */
export function containerName(metadata: ContainerMetadata, pod: PodSandboxMetadata): string {
  return [metadata.name, pod.name, pod.namespace, pod.uid, metadata.attempt].join("_");
}

/** Who holds which name. One holder a name; a holder may have one name. */
export class NameRegistry {
  readonly #idByName = new Map<string, string>();
  readonly #nameById = new Map<string, string>();

  /**
   * Reserves a name for an id; reserving it again for the same id does nothing.
   *
   * @throws CriError alreadyExists when another id holds the name
   */
  reserve(name: string, id: string): void {
    const holder = this.#idByName.get(name);
    if (holder === id) return;
    if (holder !== undefined) {
      throw new CriError("alreadyExists", `The name ${name} is held by ${holder}`, {
        remedy: "stop and remove that one first, or raise the attempt",
      });
    }
    if (this.#nameById.has(id)) throw invalidArgument("id", `${id} has a name already`);
    this.#idByName.set(name, id);
    this.#nameById.set(id, name);
  }

  /** Frees whatever name an id holds. */
  release(id: string): void {
    const name = this.#nameById.get(id);
    if (name === undefined) return;
    this.#nameById.delete(id);
    this.#idByName.delete(name);
  }

  holder(name: string): string | undefined {
    return this.#idByName.get(name);
  }
}
