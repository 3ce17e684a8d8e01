/** Records of a daemon's pods and containers changed behind its back, while it is down. */
import { connectContainerd, type Containerd } from "../../src/containerd/client.ts";
import { CONTAINER_METADATA, SANDBOX_METADATA } from "../../src/state/labels.ts";
import type { Daemon } from "./daemon.ts";

async function withContainerd(daemon: Daemon, work: (c: Containerd) => Promise<void>) {
  const containerd = connectContainerd({
    address: daemon.containerdAddress,
    namespace: "k8s.io",
  });
  try {
    await work(containerd);
  } finally {
    containerd.close();
  }
}

/** Makes more containers as one that has exited: same record and checkpoint, ids and names of their own. */
export async function cloneRecords(
  daemon: Daemon,
  { id, count }: { id: string; count: number },
): Promise<void> {
  await withContainerd(daemon, async ({ containers }) => {
    const record = await containers.get(id);
    const metadata = record.extensions.get(CONTAINER_METADATA);
    if (metadata === undefined) throw new Error(`container ${id} has no metadata`);
    const text = new TextDecoder().decode(metadata.value);
    for (let n = 0; n < count; n++) {
      const clone = n.toString(16).padStart(4, "0") + id.slice(4);
      const value = text.replaceAll(id, clone).replace('"Name":"', `"Name":"n${n}-`);
      await containers.create({
        ...record,
        id: clone,
        snapshotKey: "",
        snapshotter: "",
        extensions: new Map([[CONTAINER_METADATA, {
          ...metadata,
          value: new TextEncoder().encode(value),
        }]]),
      });
      const folder = `${daemon.dir}/root/containers`;
      await Deno.mkdir(`${folder}/${clone}`);
      await Deno.copyFile(`${folder}/${id}/status`, `${folder}/${clone}/status`);
    }
  });
}

/** Puts nonsense into a pod's record. */
export async function spoilRecord(daemon: Daemon, id: string): Promise<void> {
  await withContainerd(daemon, async ({ containers }) => {
    const { extensions } = await containers.get(id);
    const metadata = extensions.get(SANDBOX_METADATA);
    if (metadata === undefined) throw new Error(`pod ${id} has no metadata`);
    const spoilt = { ...metadata, value: new TextEncoder().encode('{"Version":"v1",') };
    await containers.update(
      { id, extensions: new Map([[SANDBOX_METADATA, spoilt]]) },
      [`extensions.${SANDBOX_METADATA}`],
    );
  });
}
