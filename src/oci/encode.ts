/** Specs as JSON, exact to the last digit. */
import { type BaseSpec, onBaseSpec } from "./base_spec.ts";
import type { Integer, Spec } from "./spec.ts";

declare global {
  interface JSON {
    /** Part of ECMAScript's JSON.parse source text access; not yet in TypeScript's library. */
    rawJSON(text: string): unknown;
  }
}

/** The spec as the JSON that containerd keeps and the runtime reads. */
export function encodeSpec(spec: Spec, base?: BaseSpec): Uint8Array {
  return encodeJson(base === undefined ? spec : onBaseSpec(base, spec));
}

/** JSON with bigints as plain numbers. */
export function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(
    value,
    (_key, value: unknown) => typeof value === "bigint" ? JSON.rawJSON(String(value)) : value,
  ));
}

/** A 64-bit number of a request as it stands in a spec. */
export function toInteger(value: bigint): Integer {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
