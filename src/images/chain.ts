/** Chain IDs: https://github.com/opencontainers/image-spec/blob/main/config.md#layer-chainid */
import { createHash } from "node:crypto";

/** The digest of some bytes, `sha256:…`. */
export function digestOf(bytes: Uint8Array | string): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

/** The chain ID after each layer, the last being that of the whole image; empty without layers. */
export function chainIds(diffIds: readonly string[]): string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) {
    const parent = chain.at(-1);
    chain.push(parent === undefined ? diffId : digestOf(`${parent} ${diffId}`));
  }
  return chain;
}

/** The chain ID of a whole image, "" for one without layers. */
export function chainIdOf(diffIds: readonly string[]): string {
  return chainIds(diffIds).at(-1) ?? "";
}
