/** Diffs: unpacking a layer's archive into a snapshot's mounts, and making one of two. */
import { DiffDefinition } from "../gen/containerd/services/diff/v1/diff.ts";
import { newId } from "../base/id.ts";
import type { CallOptions, Calls } from "./channel.ts";
import type { Mount } from "./mount.ts";
import { DIFF_TIMEOUT_MS, quoted, rpc } from "./rpc.ts";
import { type Descriptor, fromWireDescriptor, toWireDescriptor } from "./types.ts";

export interface Diff {
  /**
   * Unpacks a layer into `mounts`; returns the descriptor of the unpacked archive, whose digest is
   * the layer's diff ID.
   */
  apply(layer: Descriptor, mounts: Mount[], o?: CallOptions): Promise<Descriptor>;
  /** Stores what is different as a layer of a media type; a lease has to hold it. */
  compare(
    snapshots: { before: Mount[]; after: Mount[] },
    mediaType: string,
    o?: CallOptions,
  ): Promise<Descriptor>;
}

const APPLY = rpc(DiffDefinition, DiffDefinition.methods.apply, {
  action: (r) => `unpack layer ${quoted(r.diff?.digest ?? "")}`,
  timeoutMs: DIFF_TIMEOUT_MS,
});

const COMPARE = rpc(DiffDefinition, DiffDefinition.methods.diff, {
  action: () => "compare two snapshots",
  timeoutMs: DIFF_TIMEOUT_MS,
});

export function diff(channel: Calls): Diff {
  return {
    apply: async (layer, mounts, o) => {
      const payloads = new Map();
      const request = { diff: toWireDescriptor(layer), mounts, payloads, syncFs: false };
      return fromWireDescriptor((await channel.unary(APPLY, request, o)).applied);
    },
    compare: async ({ before: left, after: right }, mediaType, o) => {
      const ref = `cri-containerd-compare-${newId()}`;
      const rest = { labels: new Map<string, string>(), sourceDateEpoch: undefined };
      const request = { left, right, mediaType, ref, ...rest };
      return fromWireDescriptor((await channel.unary(COMPARE, request, o)).diff);
    },
  };
}
