/** Image records: names that point to content. */
import {
  type Image as WireImage,
  ImagesDefinition,
} from "../gen/containerd/services/images/v1/images.ts";
import type { CallOptions, Calls } from "./channel.ts";
import { LIST_TIMEOUT_MS, quoted, rpc } from "./rpc.ts";
import { type Descriptor, fromWireDescriptor, toNs, toWireDescriptor } from "./types.ts";

export interface NewImage {
  name: string;
  labels: Map<string, string>;
  target: Descriptor;
}

export interface ImageRecord extends NewImage {
  createdAtNs: bigint;
  updatedAtNs: bigint;
}

export interface Images {
  get(name: string, o?: CallOptions): Promise<ImageRecord>;
  list(filters: string[], o?: CallOptions): Promise<ImageRecord[]>;
  create(record: NewImage, o?: CallOptions): Promise<ImageRecord>;
  /** Replaces what `paths` name: target, labels, labels.K; everything without paths. */
  update(record: NewImage, paths: string[], o?: CallOptions): Promise<ImageRecord>;
  /** `sync` returns only after garbage collection has freed what nothing else uses. */
  delete(name: string, o?: CallOptions & { sync?: boolean }): Promise<void>;
}

const { methods } = ImagesDefinition;
const named = (verb: string) => (r: { image: WireImage | undefined }) =>
  `${verb} image record ${quoted(r.image?.name ?? "")}`;
/** Garbage collection of a full content store. */
const SYNC_TIMEOUT_MS = 120_000;

const GET = rpc(ImagesDefinition, methods.get, {
  action: (r) => `read image record ${quoted(r.name)}`,
});
const LIST = rpc(ImagesDefinition, methods.list, {
  action: () => "list image records",
  timeoutMs: LIST_TIMEOUT_MS,
});
const CREATE = rpc(ImagesDefinition, methods.create, { action: named("create") });
const UPDATE = rpc(ImagesDefinition, methods.update, { action: named("update") });
const DELETE = rpc(ImagesDefinition, methods.delete, {
  action: (r) => `delete image record ${quoted(r.name)}`,
});
const DELETE_SYNC = { ...DELETE, timeoutMs: SYNC_TIMEOUT_MS };

export function images(channel: Calls): Images {
  return {
    get: async (name, o) => fromWire((await channel.unary(GET, { name }, o)).image),
    list: async (filters, o) => (await channel.unary(LIST, { filters }, o)).images.map(fromWire),
    create: async (record, o) => {
      const request = { image: toWire(record), sourceDateEpoch: undefined };
      return fromWire((await channel.unary(CREATE, request, o)).image);
    },
    update: async (record, paths, o) => {
      const updateMask = paths.length === 0 ? undefined : paths;
      const request = { image: toWire(record), updateMask, sourceDateEpoch: undefined };
      return fromWire((await channel.unary(UPDATE, request, o)).image);
    },
    delete: async (name, o) => {
      const sync = o?.sync ?? false;
      await channel.unary(sync ? DELETE_SYNC : DELETE, { name, sync }, o);
    },
  };
}

function toWire(r: NewImage): WireImage {
  return {
    name: r.name,
    labels: r.labels,
    target: toWireDescriptor(r.target),
    createdAt: undefined,
    updatedAt: undefined,
  };
}

function fromWire(i: WireImage | undefined): ImageRecord {
  return {
    name: i?.name ?? "",
    labels: i?.labels ?? new Map(),
    target: fromWireDescriptor(i?.target),
    createdAtNs: toNs(i?.createdAt),
    updatedAtNs: toNs(i?.updatedAt),
  };
}
