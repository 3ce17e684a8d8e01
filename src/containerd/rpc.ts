/** One remote call: its path, its codecs, how long it may take and how an error names it. */
import { Buffer } from "node:buffer";
import type { Method } from "../base/codec.ts";

/** Calls that only read or write containerd's database. */
export const RECORD_TIMEOUT_MS = 10_000;
/** Lists, whose length is not ours to bound. */
export const LIST_TIMEOUT_MS = 60_000;
/** Calls that go through a shim to the runtime. */
export const SHIM_TIMEOUT_MS = 120_000;
/** Unpacking one layer. */
export const DIFF_TIMEOUT_MS = 30 * 60_000;
/** Calls that wait for something to happen. */
export const NO_TIMEOUT = 0;

export interface Rpc<Q, S> {
  readonly path: string;
  /** 0: none. */
  readonly timeoutMs: number;
  /** What the call does, for error messages only: `get container "a1b2"`. */
  readonly action: (request: Q) => string;
  readonly encode: (request: Q) => Buffer;
  readonly decode: (bytes: Uint8Array) => S;
}

export interface RpcOptions<Q> {
  action: (request: Q) => string;
  timeoutMs?: number;
}

/** Describes a method of a generated service definition; without `timeoutMs` it is a record call. */
export function rpc<Q, S>(
  service: { readonly fullName: string },
  method: Method<Q, S>,
  options: RpcOptions<Q>,
): Rpc<Q, S> {
  const { requestType, responseType } = method;
  return {
    path: `/${service.fullName}/${method.name}`,
    timeoutMs: options.timeoutMs ?? RECORD_TIMEOUT_MS,
    action: options.action,
    encode: (request) => {
      const bytes = requestType.encode(request).finish();
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    },
    // Seen as a plain array, so that byte fields cut from it are no Buffers.
    decode: (bytes) =>
      responseType.decode(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
  };
}

/** A name or id in an error message. */
export function quoted(id: string): string {
  return JSON.stringify(id);
}
