/** The records in containerd: the truth that an audit holds everything else against. */
import { unlessGone } from "../base/gone.ts";
import type { Containerd } from "../containerd/client.ts";
import type { ContainerRecord } from "../containerd/containers.ts";
import { removeSnapshot } from "../containers/snapshot.ts";
import { endTask } from "../containers/task.ts";
import {
  CONTAINER_METADATA,
  KIND,
  KIND_CONTAINER,
  KIND_SANDBOX,
  SANDBOX_METADATA,
} from "../state/labels.ts";
import { decodeContainerMetadata, decodeSandboxMetadata } from "../state/metadata.ts";
import type { Leftover, Records } from "./leftover.ts";

export interface RecordsDeps {
  readonly namespace: string;
  readonly containerd: Pick<Containerd, "containers" | "tasks" | "snapshots">;
}

/** What is recorded, and the records that nobody looks after. */
export async function readRecords(
  deps: RecordsDeps,
): Promise<{ records: Records; leftovers: Leftover[] }> {
  const all = await Array.fromAsync(deps.containerd.containers.list([]));
  const sandboxes = all.filter(({ labels }) => labels.get(KIND) === KIND_SANDBOX);
  const pods = new Set(sandboxes.map(({ id }) => id));
  const netnsPaths = new Set<string>();
  const cgroupParents = new Set<string>();
  const leftovers: Leftover[] = [];
  for (const record of sandboxes) {
    const pod = read(record, SANDBOX_METADATA, decodeSandboxMetadata);
    if (pod === undefined) leftovers.push(unreadable(deps, record, "pod"));
    else {
      netnsPaths.add(pod.netnsPath);
      cgroupParents.add(pod.config.linux?.cgroupParent ?? "");
    }
  }
  for (const record of all.filter(({ labels }) => labels.get(KIND) === KIND_CONTAINER)) {
    const pod = read(record, CONTAINER_METADATA, decodeContainerMetadata)?.sandboxId;
    if (pod === undefined) leftovers.push(unreadable(deps, record, "container"));
    else if (!pods.has(pod)) leftovers.push(podless(deps, record, pod));
  }
  const records = {
    ids: new Set(all.map(({ id }) => id)),
    pods,
    snapshotKeys: new Set(all.map(({ snapshotKey }) => snapshotKey)),
    netnsPaths,
    cgroupParents,
  };
  return { records, leftovers };
}

function read<T>(
  { extensions }: ContainerRecord,
  name: string,
  decode: (bytes: Uint8Array) => T,
): T | undefined {
  const extension = extensions.get(name);
  if (extension === undefined) return undefined;
  try {
    return decode(extension.value);
  } catch {
    return undefined;
  }
}

/** The daemon sets it aside; what it names may run. */
function unreadable({ namespace }: RecordsDeps, { id }: ContainerRecord, what: string): Leftover {
  return {
    kind: "record",
    name: id,
    text: `The record of ${what} ${id} can't be read; the daemon leaves it alone`,
    remedy: `when nothing of it is wanted: ctr -n ${namespace} tasks delete --force ${id}; ` +
      `ctr -n ${namespace} containers delete ${id}`,
  };
}

function podless(deps: RecordsDeps, record: ContainerRecord, pod: string): Leftover {
  const { id, snapshotter, snapshotKey } = record;
  const { namespace, containerd } = deps;
  return {
    kind: "record",
    name: id,
    text: `Container ${id} is recorded, and its pod ${pod} isn't`,
    remedy: `crictl rm --force ${id}, or with no daemon: ` +
      `ctr -n ${namespace} containers delete ${id}`,
    remove: async (signal) => {
      await endTask(containerd.tasks, id, signal);
      await removeSnapshot(deps, { snapshotter, snapshotKey }, signal);
      await unlessGone(containerd.containers.delete(id, { signal }));
    },
  };
}
