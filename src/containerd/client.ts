/** containerd as one object: a connection and its services. */
import { VersionDefinition } from "../gen/containerd/services/version/v1/version.ts";
import { type CallOptions, Channel, type ChannelOptions, type ConnectionState } from "./channel.ts";
import { type Containers, containers } from "./containers.ts";
import { type Content, content } from "./content.ts";
import { type Diff, diff } from "./diff.ts";
import { type Events, events } from "./events.ts";
import { type Images, images } from "./images.ts";
import { type Introspection, introspection } from "./introspection.ts";
import { type Leases, leases } from "./leases.ts";
import { type Namespaces, namespaces } from "./namespaces.ts";
import { rpc } from "./rpc.ts";
import { type Snapshots, snapshots } from "./snapshots.ts";
import { type Tasks, tasks } from "./tasks.ts";
import { type Transfers, transfers } from "./transfers.ts";

export type { CallOptions, ConnectionState } from "./channel.ts";
export type { ContainerdEvent } from "./events.ts";

export interface Containerd {
  readonly containers: Containers;
  readonly tasks: Tasks;
  readonly content: Content;
  readonly images: Images;
  readonly leases: Leases;
  readonly diff: Diff;
  readonly events: Events;
  readonly introspection: Introspection;
  readonly namespaces: Namespaces;
  readonly transfers: Transfers;
  /** The snapshotter of this name; whether it exists is seen at the first call. */
  snapshots(snapshotter: string): Snapshots;
  version(o?: CallOptions): Promise<{ version: string; revision: string }>;
  /** The connection as it is now. */
  connection(): ConnectionState;
  /** Tells every change of the connection until the returned function is called. */
  onConnection(listener: (state: ConnectionState) => void): () => void;
  close(): void;
}

const VERSION = rpc(VersionDefinition, VersionDefinition.methods.version, {
  action: () => "read containerd's version",
});

/**
 * containerd behind the unix socket at `address`. Returns at once and connects in the background:
 * calls wait for the connection for up to two seconds and throw `unavailable` then.
 */
export function connectContainerd(options: ChannelOptions): Containerd {
  const channel = new Channel(options);
  const version = (o?: CallOptions) => channel.unary(VERSION, {}, o);
  const asked = introspection(channel);
  return {
    containers: containers(channel),
    tasks: tasks(channel),
    content: content(channel),
    images: images(channel),
    leases: leases(channel),
    diff: diff(channel),
    events: events(channel, options.namespace),
    introspection: asked,
    namespaces: namespaces(channel),
    transfers: transfers(channel, { version, plugins: asked.plugins }),
    snapshots: (snapshotter) => snapshots(channel, snapshotter),
    version,
    connection: () => channel.connection(),
    onConnection: (listener) => channel.onConnection(listener),
    close: () => channel.close(),
  };
}
