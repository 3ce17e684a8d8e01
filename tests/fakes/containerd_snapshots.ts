// deno-lint-ignore-file require-await -- the interface is asynchronous, the fake answers at once
/** Snapshots of the fake containerd: names and parents, no files. */
import { CriError, notFound } from "../../src/base/errors.ts";
import type { Mount } from "../../src/containerd/mount.ts";
import type { SnapshotInfo, Snapshots } from "../../src/containerd/snapshots.ts";
import { type FakeWorld, setOrDelete } from "./containerd_world.ts";
import { fieldsOf, fits } from "./filters.ts";

export function fakeSnapshots(world: FakeWorld, snapshotter: string): Snapshots {
  const all = world.snapshotsOf(snapshotter);
  const find = (key: string) => {
    const found = all.get(key);
    if (found === undefined) throw notFound("snapshot", key);
    return found;
  };
  const add = (s: Omit<SnapshotInfo, "createdAtNs" | "updatedAtNs">) => {
    if (all.has(s.name)) throw new CriError("alreadyExists", `snapshot ${s.name} exists already`);
    if (s.parent !== "" && find(s.parent).kind !== "committed") {
      throw new CriError("failedPrecondition", `parent ${s.parent} isn't committed`);
    }
    const createdAtNs = world.nowNs();
    all.set(s.name, { ...structuredClone(s), createdAtNs, updatedAtNs: createdAtNs });
  };
  return {
    prepare: async (key, parent, labels = new Map()) => {
      add({ name: key, parent, kind: "active", labels });
      return mountsOf(find(key));
    },
    view: async (key, parent, labels = new Map()) => {
      add({ name: key, parent, kind: "view", labels });
      return mountsOf(find(key));
    },
    mounts: async (key) => mountsOf(find(key)),
    commit: async (name, key, labels = new Map()) => {
      const { kind, parent } = find(key);
      if (kind !== "active") {
        throw new CriError("failedPrecondition", `snapshot ${key} isn't active`);
      }
      add({ name, parent, kind: "committed", labels });
      all.delete(key);
    },
    remove: async (key) => {
      find(key);
      if ([...all.values()].some((s) => s.parent === key)) {
        throw new CriError("failedPrecondition", `snapshot ${key} has children`);
      }
      all.delete(key);
    },
    stat: async (key) => structuredClone(find(key)),
    list: async function* (filters) {
      for (const s of [...all.values()]) {
        const plain = { name: s.name, parent: s.parent, kind: s.kind };
        if (fits(filters, fieldsOf(plain, s.labels))) yield structuredClone(s);
      }
    },
    usage: async (key) => {
      find(key);
      return { sizeBytes: 4096n, inodes: 1n };
    },
    setLabels: async (key, labels) => {
      const found = find(key);
      for (const [name, value] of labels) setOrDelete(found.labels, name, value);
    },
  };
}

function mountsOf(s: SnapshotInfo): Mount[] {
  if (s.kind === "committed") {
    throw new CriError("failedPrecondition", `snapshot ${s.name} is committed`);
  }
  const options = s.kind === "view" ? ["rbind", "ro"] : ["rbind", "rw"];
  return [{ type: "bind", source: `/fake/snapshots/${s.name}`, target: "", options }];
}
