/** Namespaces of containerd: separate worlds of records. */
import { isKind } from "../base/errors.ts";
import { NamespacesDefinition } from "../gen/containerd/services/namespaces/v1/namespace.ts";
import type { CallOptions, Calls } from "./channel.ts";
import { quoted, rpc } from "./rpc.ts";

export interface Namespaces {
  /** Makes the namespace if it is missing. */
  ensure(name: string, o?: CallOptions): Promise<void>;
  list(o?: CallOptions): Promise<string[]>;
  /** @throws failedPrecondition while anything is in it */
  delete(name: string, o?: CallOptions): Promise<void>;
}

const { methods } = NamespacesDefinition;
const CREATE = rpc(NamespacesDefinition, methods.create, {
  action: (r) => `create namespace ${quoted(r.namespace?.name ?? "")}`,
});
const LIST = rpc(NamespacesDefinition, methods.list, { action: () => "list namespaces" });
const DELETE = rpc(NamespacesDefinition, methods.delete, {
  action: (r) => `delete namespace ${quoted(r.name)}`,
});

export function namespaces(channel: Calls): Namespaces {
  return {
    ensure: async (name, o) => {
      try {
        await channel.unary(CREATE, { namespace: { name, labels: new Map() } }, o);
      } catch (error) {
        if (!isKind(error, "alreadyExists")) throw error;
      }
    },
    list: async (o) =>
      (await channel.unary(LIST, { filter: "" }, o)).namespaces.map((namespace) => namespace.name),
    delete: async (name, o) => {
      await channel.unary(DELETE, { name }, o);
    },
  };
}
