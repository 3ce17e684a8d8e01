/** Snapshots: layered file systems; an active one is a container's writable root. */
import {
  type Info,
  type Kind as WireKind,
  SnapshotsDefinition,
} from "../gen/containerd/services/snapshots/v1/snapshots.ts";
import type { CallOptions, Calls } from "./channel.ts";
import type { Mount } from "./mount.ts";
import { LIST_TIMEOUT_MS, quoted, rpc } from "./rpc.ts";
import { toNs } from "./types.ts";

export interface SnapshotInfo {
  name: string;
  parent: string;
  kind: "unknown" | "view" | "active" | "committed";
  labels: Map<string, string>;
  createdAtNs: bigint;
  updatedAtNs: bigint;
}

export interface Usage {
  /** Of this layer alone, without its parents. */
  sizeBytes: bigint;
  inodes: bigint;
}

export interface Snapshots {
  /** Makes a writable snapshot on top of a committed one ("" for an empty one). */
  prepare(
    key: string,
    parent: string,
    labels?: Map<string, string>,
    o?: CallOptions,
  ): Promise<Mount[]>;
  /** The same, read-only. */
  view(
    key: string,
    parent: string,
    labels?: Map<string, string>,
    o?: CallOptions,
  ): Promise<Mount[]>;
  mounts(key: string, o?: CallOptions): Promise<Mount[]>;
  /** Freezes the active snapshot `key` under `name`. */
  commit(name: string, key: string, labels?: Map<string, string>, o?: CallOptions): Promise<void>;
  /** @throws failedPrecondition while it has children */
  remove(key: string, o?: CallOptions): Promise<void>;
  stat(key: string, o?: CallOptions): Promise<SnapshotInfo>;
  list(filters: string[], o?: CallOptions): AsyncIterable<SnapshotInfo>;
  usage(key: string, o?: CallOptions): Promise<Usage>;
  /** Sets these labels, leaves the others; an empty value removes one. */
  setLabels(key: string, labels: Map<string, string>, o?: CallOptions): Promise<void>;
}

/** Ids inside a user namespace and those that they are outside. */
export interface IdRange {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

/** What a snapshotter says of itself when it can show a snapshot's files under other owners. */
export const REMAPS_OWNERS = "remap-ids";

/** Labels that ask such a snapshotter for it. */
export function remapLabels(
  { uids, gids }: { uids: readonly IdRange[]; gids: readonly IdRange[] },
): Map<string, string> {
  const text = (ranges: readonly IdRange[]) =>
    ranges.map(({ containerID, hostID, size }) => `${containerID}:${hostID}:${size}`).join(",");
  return new Map([
    ["containerd.io/snapshot/uidmapping", text(uids)],
    ["containerd.io/snapshot/gidmapping", text(gids)],
  ]);
}

const { methods } = SnapshotsDefinition;
const on = (verb: string) => (r: { snapshotter: string; key: string }) =>
  `${verb} ${r.snapshotter} snapshot ${quoted(r.key)}`;
/** Copying and unmounting snapshotters (native, devmapper) take their time for these. */
const DISK_TIMEOUT_MS = 60_000;

const PREPARE = rpc(SnapshotsDefinition, methods.prepare, {
  action: on("prepare"),
  timeoutMs: DISK_TIMEOUT_MS,
});
const VIEW = rpc(SnapshotsDefinition, methods.view, {
  action: on("view"),
  timeoutMs: DISK_TIMEOUT_MS,
});
const MOUNTS = rpc(SnapshotsDefinition, methods.mounts, { action: on("read mounts of") });
const COMMIT = rpc(SnapshotsDefinition, methods.commit, {
  action: (r) => `commit ${r.snapshotter} snapshot ${quoted(r.key)} as ${quoted(r.name)}`,
  timeoutMs: DISK_TIMEOUT_MS,
});
const REMOVE = rpc(SnapshotsDefinition, methods.remove, {
  action: on("remove"),
  timeoutMs: DISK_TIMEOUT_MS,
});
const STAT = rpc(SnapshotsDefinition, methods.stat, { action: on("read") });
const UPDATE = rpc(SnapshotsDefinition, methods.update, {
  action: (r) => `label ${r.snapshotter} snapshot ${quoted(r.info?.name ?? "")}`,
});
const LIST = rpc(SnapshotsDefinition, methods.list, {
  action: (r) => `list ${r.snapshotter} snapshots`,
  timeoutMs: LIST_TIMEOUT_MS,
});
const USAGE = rpc(SnapshotsDefinition, methods.usage, {
  action: on("measure"),
  timeoutMs: LIST_TIMEOUT_MS,
});

/** By number in containerd.services.snapshots.v1.Kind. */
const KINDS: readonly SnapshotInfo["kind"][] = ["unknown", "view", "active", "committed"];

export function snapshots(channel: Calls, snapshotter: string): Snapshots {
  return { ...changes(channel, snapshotter), ...reads(channel, snapshotter) };
}

function changes(
  channel: Calls,
  snapshotter: string,
): Pick<Snapshots, "prepare" | "view" | "commit" | "remove" | "setLabels"> {
  return {
    prepare: async (key, parent, labels = new Map(), o) =>
      (await channel.unary(PREPARE, { snapshotter, key, parent, labels }, o)).mounts,
    view: async (key, parent, labels = new Map(), o) =>
      (await channel.unary(VIEW, { snapshotter, key, parent, labels }, o)).mounts,
    commit: async (name, key, labels = new Map(), o) => {
      await channel.unary(COMMIT, { snapshotter, name, key, labels, parent: "" }, o);
    },
    remove: async (key, o) => {
      await channel.unary(REMOVE, { snapshotter, key }, o);
    },
    setLabels: async (key, labels, o) => {
      const times = { createdAt: undefined, updatedAt: undefined };
      const info: Info = { name: key, parent: "", kind: 0, labels, ...times };
      const updateMask = [...labels.keys()].map((name) => `labels.${name}`);
      await channel.unary(UPDATE, { snapshotter, info, updateMask }, o);
    },
  };
}

function reads(
  channel: Calls,
  snapshotter: string,
): Pick<Snapshots, "mounts" | "stat" | "list" | "usage"> {
  return {
    mounts: async (key, o) => (await channel.unary(MOUNTS, { snapshotter, key }, o)).mounts,
    stat: async (key, o) => toInfo((await channel.unary(STAT, { snapshotter, key }, o)).info),
    list: async function* (filters, o) {
      for await (const { info } of channel.serverStream(LIST, { snapshotter, filters }, o)) {
        yield* info.map(toInfo);
      }
    },
    usage: async (key, o) => {
      const { size, inodes } = await channel.unary(USAGE, { snapshotter, key }, o);
      return { sizeBytes: size, inodes };
    },
  };
}

function toInfo(i: Info | undefined): SnapshotInfo {
  return {
    name: i?.name ?? "",
    parent: i?.parent ?? "",
    kind: toKind(i?.kind ?? 0),
    labels: i?.labels ?? new Map(),
    createdAtNs: toNs(i?.createdAt),
    updatedAtNs: toNs(i?.updatedAt),
  };
}

function toKind(kind: WireKind): SnapshotInfo["kind"] {
  return KINDS[kind] ?? "unknown";
}
