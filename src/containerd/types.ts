/** Shapes that several of containerd's services share, in our own words: no generated type leaves this folder. */
import type { Timestamp } from "../gen/google/protobuf/timestamp.ts";
import type { Descriptor as WireDescriptor } from "../gen/containerd/types/descriptor.ts";

/** A value that containerd stores or hands on without looking inside. */
export interface TypedAny {
  typeUrl: string;
  value: Uint8Array;
}

/** Content by digest: https://github.com/opencontainers/image-spec/blob/main/descriptor.md */
export interface Descriptor {
  mediaType: string;
  digest: string;
  sizeBytes: bigint;
  annotations: Map<string, string>;
}

/** Type of a container's `spec`: the OCI runtime specification as JSON. */
export const SPEC_TYPE_URL = "types.containerd.io/opencontainers/runtime-spec/1/Spec";
/** Type of the `spec` of an exec: the OCI `Process` as JSON. */
export const PROCESS_TYPE_URL = "types.containerd.io/opencontainers/runtime-spec/1/Process";
/** Type of what {@link Tasks.update} takes: the OCI `LinuxResources` as JSON. */
export const RESOURCES_TYPE_URL =
  "types.containerd.io/opencontainers/runtime-spec/1/LinuxResources";

const NS_PER_SECOND = 1_000_000_000n;

/** JSON under a type URL, the form in which containerd keeps specs and extensions. */
export function jsonAny(typeUrl: string, value: unknown): TypedAny {
  return { typeUrl, value: new TextEncoder().encode(JSON.stringify(value)) };
}

/** Nanoseconds since the epoch; 0n for no time, and for Go's zero time (the year 1). */
export function toNs(time: Timestamp | undefined): bigint {
  if (time === undefined || time.seconds < 0n) return 0n;
  return time.seconds * NS_PER_SECOND + BigInt(time.nanos);
}

export function toWireDescriptor(d: Descriptor): WireDescriptor {
  return {
    mediaType: d.mediaType,
    digest: d.digest,
    size: d.sizeBytes,
    annotations: d.annotations,
  };
}

export function fromWireDescriptor(d: WireDescriptor | undefined): Descriptor {
  return {
    mediaType: d?.mediaType ?? "",
    digest: d?.digest ?? "",
    sizeBytes: d?.size ?? 0n,
    annotations: d?.annotations ?? new Map(),
  };
}
