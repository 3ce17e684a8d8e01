/** Introspection: what this containerd is made of, and which of it failed to load. */
import { IntrospectionDefinition } from "../gen/containerd/services/introspection/v1/introspection.ts";
import type { CallOptions, Calls } from "./channel.ts";
import { rpc } from "./rpc.ts";

export interface Plugin {
  /** Such as `io.containerd.snapshotter.v1`. */
  type: string;
  id: string;
  capabilities: string[];
  /** Why it isn't there, "" when it is. */
  initError: string;
  /** Facts that it tells, such as `root`. */
  exports: Map<string, string>;
}

export interface Introspection {
  /** Filters such as `type==io.containerd.snapshotter.v1,id==overlayfs`; none means all. */
  plugins(filters: string[], o?: CallOptions): Promise<Plugin[]>;
  /** The identity of this installation and its process. */
  server(o?: CallOptions): Promise<{ uuid: string; pid: number }>;
}

const { methods } = IntrospectionDefinition;
const PLUGINS = rpc(IntrospectionDefinition, methods.plugins, {
  action: () => "list containerd's plugins",
});
const SERVER = rpc(IntrospectionDefinition, methods.server, {
  action: () => "read containerd's identity",
});

export function introspection(channel: Calls): Introspection {
  return {
    plugins: async (filters, o) => {
      const { plugins } = await channel.unary(PLUGINS, { filters }, o);
      return plugins.map((p) => ({
        type: p.type,
        id: p.id,
        capabilities: p.capabilities,
        initError: p.initErr?.message ?? "",
        exports: p.exports,
      }));
    },
    server: async (o) => {
      const { uuid, pid } = await channel.unary(SERVER, {}, o);
      return { uuid, pid: Number(pid) };
    },
  };
}
