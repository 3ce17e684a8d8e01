// deno-lint-ignore-file require-await -- the interface is asynchronous, the fake answers at once
/**
 * A containerd in memory: the same interface as the real one, state behind it, and hooks to make
 * any call fail before or after its work. What it does is held to the real one by the suite in
 * tests/suites/containerd_suite.ts. It collects no garbage.
 */
import { CriError, notFound } from "../../src/base/errors.ts";
import type { Containerd } from "../../src/containerd/client.ts";
import type { Containers, NewContainer } from "../../src/containerd/containers.ts";
import type { Images } from "../../src/containerd/images.ts";
import { type Leases, withExpiry } from "../../src/containerd/leases.ts";
import { fakeContent, fakeDiff } from "./containerd_content.ts";
import { fakeSnapshots } from "./containerd_snapshots.ts";
import { fakeTasks } from "./containerd_tasks.ts";
import { FakeWorld, setOrDelete } from "./containerd_world.ts";
import { fieldsOf, fits } from "./filters.ts";

export { type Failpoint, FakeWorld, type Program } from "./containerd_world.ts";

/** Methods that answer with a stream instead of a promise. */
const STREAMS = new Set([
  "containers.list",
  "snapshots.list",
  "content.list",
  "content.readStream",
]);

export interface FakeContainerd {
  containerd: Containerd;
  world: FakeWorld;
}

/** A fake with nothing in it, or a second connection to a world that is there already. */
export function fakeContainerd(world = new FakeWorld()): FakeContainerd {
  const guard = <T extends object>(name: string, service: T) => guarded(world, name, service);
  const version = { version: "1.6.20", revision: "fake" };
  const containerd: Containerd = {
    containers: guard("containers", fakeContainers(world)),
    tasks: guard("tasks", fakeTasks(world)),
    content: guard("content", fakeContent(world)),
    images: guard("images", fakeImages(world)),
    leases: guard("leases", fakeLeases(world)),
    diff: guard("diff", fakeDiff(world)),
    events: {
      subscribe: (filters, signal) =>
        world.subscribe((topic) => fits(filters, fieldsOf({ topic }, new Map())), signal),
    },
    introspection: guard("introspection", {
      plugins: (filters) => Promise.resolve(PLUGINS.filter((p) => fits(filters, pluginFields(p)))),
      server: () => Promise.resolve({ uuid: "fake", pid: 1 }),
    }),
    transfers: guard("transfers", {
      isOffered: () => Promise.resolve(false),
      fetch: () => Promise.reject(new CriError("unimplemented", "unknown service Transfer")),
    }),
    namespaces: guard("namespaces", {
      ensure: (name) => Promise.resolve(void world.namespaces.add(name)),
      list: () => Promise.resolve([...world.namespaces]),
      delete: (name) => {
        if (world.namespaces.delete(name)) return Promise.resolve();
        return Promise.reject(notFound("namespace", name));
      },
    }),
    snapshots: (snapshotter) => guard("snapshots", fakeSnapshots(world, snapshotter)),
    version: (...args) => world.call("version", args, () => Promise.resolve(version)),
    connection: () => world.connection(),
    onConnection: (listener) => world.onConnection(listener),
    close: () => {},
  };
  return { containerd, world };
}

const PLUGINS = [
  { type: "io.containerd.snapshotter.v1", id: "overlayfs" },
  { type: "io.containerd.runtime.v2", id: "task" },
].map((p) => ({ ...p, capabilities: [], initError: "", exports: new Map<string, string>() }));

function pluginFields({ type, id }: { type: string; id: string }) {
  return fieldsOf({ type, id }, new Map());
}

/** Runs the world's hooks around every method of a service. */
function guarded<T extends object>(world: FakeWorld, name: string, service: T): T {
  return new Proxy(service, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== "function") return member;
      const method = `${name}.${String(key)}`;
      return (...args: unknown[]) => {
        const work = () => Reflect.apply(member, target, args);
        return STREAMS.has(method)
          ? world.stream(method, args, work)
          : world.call(method, args, async () => await work());
      };
    },
  });
}

function fakeContainers(world: FakeWorld): Containers {
  const find = (id: string) => {
    const record = world.containers.get(id);
    if (record === undefined) throw notFound("container record", id);
    return record;
  };
  return {
    get: async (id) => structuredClone(find(id)),
    list: async function* (filters) {
      for (const r of [...world.containers.values()]) {
        const plain = { id: r.id, image: r.image };
        if (fits(filters, fieldsOf(plain, r.labels))) yield structuredClone(r);
      }
    },
    create: async (r) => {
      checkContainer(r);
      if (world.containers.has(r.id)) throw exists("container record", r.id);
      const createdAtNs = world.nowNs();
      const record = { ...structuredClone(r), sandboxId: r.sandboxId ?? "" };
      world.containers.set(r.id, { ...record, createdAtNs, updatedAtNs: createdAtNs });
      world.emit({ kind: "other", topic: "/containers/create" });
      return structuredClone(find(r.id));
    },
    update: async (r, paths) => {
      const record = { ...find(r.id), updatedAtNs: world.nowNs() };
      for (const path of paths) applyPath(record, r, path);
      world.containers.set(r.id, record);
      world.emit({ kind: "other", topic: "/containers/update" });
      return structuredClone(record);
    },
    delete: async (id) => {
      find(id);
      world.containers.delete(id);
      world.emit({ kind: "containerDelete", topic: "/containers/delete", containerId: id });
    },
  };
}

function checkContainer(r: NewContainer): void {
  if (!/^[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*$/.test(r.id) || r.id.length > 76) {
    throw new CriError("invalidArgument", `identifier ${JSON.stringify(r.id)} is no identifier`);
  }
  if (r.runtime.name === "") throw new CriError("invalidArgument", "the runtime needs a name");
  if (r.spec === undefined) throw new CriError("invalidArgument", "the spec is missing");
}

function applyPath(
  record: { labels: Map<string, string>; extensions: Map<string, unknown> } & NewContainer,
  r: Partial<NewContainer>,
  path: string,
): void {
  const source: Partial<NewContainer> = structuredClone(r);
  const [field, key] = path.split(/\.(.*)/s);
  if (key !== undefined && (field === "labels" || field === "extensions")) {
    record.labels = new Map(record.labels);
    record.extensions = new Map(record.extensions);
    const label = source.labels?.get(key);
    const extension = source.extensions?.get(key);
    if (field === "labels") label ? record.labels.set(key, label) : record.labels.delete(key);
    else if (extension !== undefined) record.extensions.set(key, extension);
    else record.extensions.delete(key);
  } else if (path === "labels") record.labels = source.labels ?? new Map();
  else if (path === "extensions") record.extensions = source.extensions ?? new Map();
  else if (path === "spec") record.spec = source.spec;
  else if (path === "image") record.image = source.image ?? "";
  else if (path === "snapshotkey") record.snapshotKey = source.snapshotKey ?? "";
  else throw new CriError("invalidArgument", `cannot update ${path}`);
}

function fakeImages(world: FakeWorld): Images {
  const find = (name: string) => {
    const record = world.images.get(name);
    if (record === undefined) throw notFound("image record", name);
    return record;
  };
  return {
    get: async (name) => structuredClone(find(name)),
    list: async (filters) =>
      [...world.images.values()]
        .filter((i) => fits(filters, fieldsOf({ name: i.name }, i.labels)))
        .map((i) => structuredClone(i)),
    create: async (image) => {
      if (world.images.has(image.name)) throw exists("image record", image.name);
      const createdAtNs = world.nowNs();
      world.images.set(image.name, {
        ...structuredClone(image),
        createdAtNs,
        updatedAtNs: createdAtNs,
      });
      world.emit({ kind: "imageCreate", topic: "/images/create", name: image.name });
      return structuredClone(find(image.name));
    },
    update: async (image, paths) => {
      const record = structuredClone(find(image.name));
      for (const path of paths.length === 0 ? ["target", "labels"] : paths) {
        const key = path.startsWith("labels.") ? path.slice("labels.".length) : undefined;
        if (key !== undefined) setOrDelete(record.labels, key, image.labels.get(key));
        else if (path === "labels") record.labels = new Map(image.labels);
        else if (path === "target") record.target = structuredClone(image.target);
      }
      world.images.set(image.name, { ...record, updatedAtNs: world.nowNs() });
      world.emit({ kind: "imageUpdate", topic: "/images/update", name: image.name });
      return structuredClone(find(image.name));
    },
    delete: async (name) => {
      find(name);
      world.images.delete(name);
      world.emit({ kind: "imageDelete", topic: "/images/delete", name });
    },
  };
}

function fakeLeases(world: FakeWorld): Leases {
  const find = (id: string) => {
    const lease = world.leases.get(id);
    if (lease === undefined) throw notFound("lease", id);
    return lease;
  };
  return {
    create: async ({ id, labels, expiresInMs }) => {
      if (world.leases.has(id)) throw exists("lease", id);
      const lease = { id, labels: withExpiry(labels, expiresInMs), createdAtNs: world.nowNs() };
      world.leases.set(id, { ...lease, resources: [] });
      return structuredClone(lease);
    },
    delete: async (id) => {
      find(id);
      world.leases.delete(id);
    },
    list: async (filters) =>
      [...world.leases.values()]
        .filter((l) => fits(filters, fieldsOf({ id: l.id }, l.labels)))
        .map(({ resources: _, ...lease }) => structuredClone(lease)),
    addResource: async (id, resource) => {
      find(id).resources.push({ ...resource });
    },
    resources: async (id) => structuredClone(find(id).resources),
  };
}

function exists(what: string, id: string): CriError {
  return new CriError("alreadyExists", `${what} ${JSON.stringify(id)} exists already`);
}
