/** Tasks, snapshots and leases in containerd that no record names. */
import { unlessGone } from "../base/gone.ts";
import type { Containerd } from "../containerd/client.ts";
import { EXPIRE_LABEL, type Lease } from "../containerd/leases.ts";
import { removeSnapshot } from "../containers/snapshot.ts";
import { endTask } from "../containers/task.ts";
import { LEASE_PREFIX } from "../images/lease.ts";
import { isId, type Leftover, type Look } from "./leftover.ts";

export interface InContainerdDeps {
  readonly namespace: string;
  readonly containerd: Pick<Containerd, "containers" | "tasks" | "snapshots" | "leases">;
  readonly snapshotters: readonly string[];
  /** A runtime that containerd can find: a task is ended by way of a record that names one. */
  readonly runtimeType: string;
}

export function looksInContainerd(deps: InContainerdDeps): Look[] {
  return [
    () => lookForTasks(deps),
    ...deps.snapshotters.map((snapshotter): Look => () => lookForSnapshots(deps, snapshotter)),
    () => lookForLeases(deps),
  ];
}

async function lookForTasks(deps: InContainerdDeps): ReturnType<Look> {
  const tasks = await deps.containerd.tasks.list();
  return ({ ids }) =>
    tasks.filter(({ id }) => !ids.has(id)).map(({ id, pid }): Leftover => ({
      kind: "task",
      name: id,
      text: `Task ${id} (process ${pid}) has no record`,
      remedy: "cri-containerd audit --fix: containerd ends no task without a record",
      remove: (signal) => endUnrecorded(deps, id, signal),
    }));
}

/** containerd finds a task by its container's record alone, so that it gets one for the moment. */
async function endUnrecorded(
  { containerd, runtimeType }: InContainerdDeps,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  const spec = { typeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Spec", value: EMPTY };
  await containerd.containers.create({
    id,
    labels: new Map(),
    image: "",
    runtime: { name: runtimeType, options: undefined },
    spec,
    snapshotter: "",
    snapshotKey: "",
    extensions: new Map(),
  }, { signal });
  try {
    await endTask(containerd.tasks, id, signal);
  } finally {
    await unlessGone(containerd.containers.delete(id));
  }
}

const EMPTY = new TextEncoder().encode("{}");

async function lookForSnapshots(
  deps: InContainerdDeps,
  snapshotter: string,
): ReturnType<Look> {
  const writable: string[] = [];
  for await (const { name, kind } of deps.containerd.snapshots(snapshotter).list([])) {
    if (kind !== "committed" && ownerOf(name) !== undefined) writable.push(name);
  }
  return ({ ids, snapshotKeys }) =>
    writable.filter((name) => !snapshotKeys.has(name) && !ids.has(ownerOf(name) ?? ""))
      .map((name): Leftover => ({
        kind: "snapshot",
        name: `${snapshotter} ${name}`,
        text: `The ${snapshotter} snapshot ${name} is no container's`,
        remedy: `ctr -n ${deps.namespace} snapshots --snapshotter ${snapshotter} rm ${name}`,
        remove: (signal) => removeSnapshot(deps, { snapshotter, snapshotKey: name }, signal),
      }));
}

/** Whose root file system, or mount of an image, has this key; others' keys have other forms. */
function ownerOf(key: string): string | undefined {
  const id = key.replace(/-image-\d+$/, "");
  return isId(id) ? id : undefined;
}

async function lookForLeases({ containerd, namespace }: InContainerdDeps): ReturnType<Look> {
  const leases = await containerd.leases.list([]);
  const now = Date.now();
  return () =>
    leases.filter((lease) => isExpired(lease, now)).map(({ id }): Leftover => ({
      kind: "lease",
      name: id,
      text: `Lease ${id} of a transfer has expired and is still there`,
      remedy: `ctr -n ${namespace} leases delete ${id}`,
      remove: (signal) => unlessGone(containerd.leases.delete(id, { signal })),
    }));
}

/** One that a kill left keeps what was fetched for the next try, until it expires. */
function isExpired({ id, labels }: Lease, now: number): boolean {
  if (!id.startsWith(LEASE_PREFIX)) return false;
  const expires = labels.get(EXPIRE_LABEL);
  return expires === undefined || Date.parse(expires) < now;
}
