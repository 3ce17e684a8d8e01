/** containerd's container records: the database in which pods and containers are kept. */
import { isKind } from "../base/errors.ts";
import {
  type Container,
  ContainersDefinition,
  type ListContainersRequest,
} from "../gen/containerd/services/containers/v1/containers.ts";
import type { CallOptions, Calls } from "./channel.ts";
import { LIST_TIMEOUT_MS, quoted, rpc } from "./rpc.ts";
import { toNs, type TypedAny } from "./types.ts";

export interface NewContainer {
  id: string;
  labels: Map<string, string>;
  /** Name of an image record; it need not exist. */
  image: string;
  runtime: { name: string; options: TypedAny | undefined };
  spec: TypedAny | undefined;
  snapshotter: string;
  snapshotKey: string;
  extensions: Map<string, TypedAny>;
  /** containerd 1.7 and newer keep it; older ones drop it. */
  sandboxId?: string;
}

export interface ContainerRecord extends Required<NewContainer> {
  createdAtNs: bigint;
  updatedAtNs: bigint;
}

export interface Containers {
  get(id: string, o?: CallOptions): Promise<ContainerRecord>;
  /** Filters of containerd's syntax, one of which must fit; none means all. */
  list(filters: string[], o?: CallOptions): AsyncIterable<ContainerRecord>;
  create(r: NewContainer, o?: CallOptions): Promise<ContainerRecord>;
  /**
   * Replaces the fields that `paths` name: labels, labels.K, spec, extensions, extensions.K, image,
   * snapshotkey. A key named in the path and missing from the map is removed.
   */
  update(
    r: Partial<NewContainer> & { id: string },
    paths: string[],
    o?: CallOptions,
  ): Promise<ContainerRecord>;
  delete(id: string, o?: CallOptions): Promise<void>;
}

const { methods } = ContainersDefinition;
const named = (verb: string) => (r: { container: Container | undefined }) =>
  `${verb} container record ${quoted(r.container?.id ?? "")}`;
const listing = { action: () => "list container records", timeoutMs: LIST_TIMEOUT_MS };

const GET = rpc(ContainersDefinition, methods.get, {
  action: (r) => `read container record ${quoted(r.id)}`,
});
const LIST = rpc(ContainersDefinition, methods.list, listing);
const LIST_STREAM = rpc(ContainersDefinition, methods.listStream, listing);
const CREATE = rpc(ContainersDefinition, methods.create, { action: named("create") });
const UPDATE = rpc(ContainersDefinition, methods.update, { action: named("update") });
const DELETE = rpc(ContainersDefinition, methods.delete, {
  action: (r) => `delete container record ${quoted(r.id)}`,
});

export function containers(channel: Calls): Containers {
  return {
    get: async (id, o) => fromWire((await channel.unary(GET, { id }, o)).container),
    list: (filters, o) => list(channel, { filters }, o),
    create: async (r, o) =>
      fromWire((await channel.unary(CREATE, { container: toWire(r) }, o)).container),
    update: async (r, paths, o) => {
      const request = { container: toWire(r), updateMask: paths };
      return fromWire((await channel.unary(UPDATE, request, o)).container);
    },
    delete: async (id, o) => {
      await channel.unary(DELETE, { id }, o);
    },
  };
}

/** Streams, because the answer of a plain List passes 4 MiB with a few hundred specs in it. */
async function* list(
  channel: Calls,
  request: ListContainersRequest,
  o?: CallOptions,
): AsyncGenerator<ContainerRecord> {
  try {
    for await (const { container } of channel.serverStream(LIST_STREAM, request, o)) {
      yield fromWire(container);
    }
  } catch (error) {
    // Unimplemented comes in place of the first record, so that nothing is told twice.
    if (!isKind(error, "unimplemented")) throw error;
    const { containers } = await channel.unary(LIST, request, o);
    yield* containers.map(fromWire);
  }
}

function toWire(r: Partial<NewContainer> & { id: string }): Container {
  return {
    id: r.id,
    labels: r.labels ?? new Map(),
    image: r.image ?? "",
    runtime: r.runtime,
    spec: r.spec,
    snapshotter: r.snapshotter ?? "",
    snapshotKey: r.snapshotKey ?? "",
    createdAt: undefined,
    updatedAt: undefined,
    extensions: r.extensions ?? new Map(),
    sandbox: r.sandboxId ?? "",
  };
}

function fromWire(c: Container | undefined): ContainerRecord {
  return {
    id: c?.id ?? "",
    labels: c?.labels ?? new Map(),
    image: c?.image ?? "",
    runtime: { name: c?.runtime?.name ?? "", options: c?.runtime?.options },
    spec: c?.spec,
    snapshotter: c?.snapshotter ?? "",
    snapshotKey: c?.snapshotKey ?? "",
    extensions: c?.extensions ?? new Map(),
    sandboxId: c?.sandbox ?? "",
    createdAtNs: toNs(c?.createdAt),
    updatedAtNs: toNs(c?.updatedAt),
  };
}
