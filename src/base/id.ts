/** Branded ids: a sandbox id can't be passed where a container id is meant. */

declare const brand: unique symbol;
type Branded<B extends string> = string & { readonly [brand]: B };

/** A pod sandbox: the id of its containerd container and of its task. */
export type SandboxId = Branded<"sandbox">;
/** A container: the id of its containerd container and of its task. */
export type ContainerId = Branded<"container">;
/** An image: the digest of its configuration, `sha256:…`. */
export type ImageId = Branded<"image">;

/** 64 hexadecimal digits of randomness, the shape of ids that tools of the field expect. */
export function newId(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toHex();
}

export const newSandboxId = (): SandboxId => newId() as SandboxId;
export const newContainerId = (): ContainerId => newId() as ContainerId;

/** The first 13 digits, as lists show an id. */
export function shortId(id: string): string {
  return id.slice(0, 13);
}
