/** Leases: what is made under one stays safe from garbage collection until the lease goes. */
import {
  type Lease as WireLease,
  LeasesDefinition,
} from "../gen/containerd/services/leases/v1/leases.ts";
import type { CallOptions, Calls } from "./channel.ts";
import { LIST_TIMEOUT_MS, quoted, rpc } from "./rpc.ts";
import { toNs } from "./types.ts";

export interface NewLease {
  id: string;
  labels: Map<string, string>;
  /** After this, garbage collection may take the lease: a bound for what a crash leaves. */
  expiresInMs?: number;
}

export interface Lease {
  id: string;
  labels: Map<string, string>;
  createdAtNs: bigint;
}

/** What a lease can hold, by `type`: `content`, `ingests`, `snapshots/overlayfs`, … */
export interface LeasedResource {
  id: string;
  type: string;
}

export interface Leases {
  create(lease: NewLease, o?: CallOptions): Promise<Lease>;
  /** `sync` returns only after garbage collection has freed what nothing else holds. */
  delete(id: string, o?: CallOptions & { sync?: boolean }): Promise<void>;
  list(filters: string[], o?: CallOptions): Promise<Lease[]>;
  /** Adds something that exists already. */
  addResource(id: string, resource: LeasedResource, o?: CallOptions): Promise<void>;
  resources(id: string, o?: CallOptions): Promise<LeasedResource[]>;
}

const { methods } = LeasesDefinition;
/** Read by containerd's garbage collector: a time in RFC 3339. */
export const EXPIRE_LABEL = "containerd.io/gc.expire";
/** Garbage collection of a full content store. */
const SYNC_TIMEOUT_MS = 120_000;

const CREATE = rpc(LeasesDefinition, methods.create, {
  action: (r) => `create lease ${quoted(r.id)}`,
});
const DELETE = rpc(LeasesDefinition, methods.delete, {
  action: (r) => `delete lease ${quoted(r.id)}`,
});
const DELETE_SYNC = { ...DELETE, timeoutMs: SYNC_TIMEOUT_MS };
const LIST = rpc(LeasesDefinition, methods.list, {
  action: () => "list leases",
  timeoutMs: LIST_TIMEOUT_MS,
});
const ADD_RESOURCE = rpc(LeasesDefinition, methods.addResource, {
  action: (r) => `add ${quoted(r.resource?.id ?? "")} to lease ${quoted(r.id)}`,
});
const LIST_RESOURCES = rpc(LeasesDefinition, methods.listResources, {
  action: (r) => `list what lease ${quoted(r.id)} holds`,
});

export function leases(channel: Calls): Leases {
  return {
    create: async ({ id, labels, expiresInMs }, o) => {
      const request = { id, labels: withExpiry(labels, expiresInMs) };
      return fromWire((await channel.unary(CREATE, request, o)).lease);
    },
    delete: async (id, o) => {
      const sync = o?.sync ?? false;
      await channel.unary(sync ? DELETE_SYNC : DELETE, { id, sync }, o);
    },
    list: async (filters, o) => (await channel.unary(LIST, { filters }, o)).leases.map(fromWire),
    addResource: async (id, resource, o) => {
      await channel.unary(ADD_RESOURCE, { id, resource }, o);
    },
    resources: async (id, o) => (await channel.unary(LIST_RESOURCES, { id }, o)).resources,
  };
}

/** Labels with the time after which the lease no longer counts. */
export function withExpiry(
  labels: Map<string, string>,
  expiresInMs: number | undefined,
): Map<string, string> {
  if (expiresInMs === undefined) return labels;
  return new Map(labels).set(EXPIRE_LABEL, new Date(Date.now() + expiresInMs).toISOString());
}

function fromWire(l: WireLease | undefined): Lease {
  return { id: l?.id ?? "", labels: l?.labels ?? new Map(), createdAtNs: toNs(l?.createdAt) };
}
