/**
 * The registry compartment: everything that is fetched from registries or read from archives and
 * unpacked by containerd. It may reach the network, and may not write files, run programs or call
 * libraries.
 */
import { during } from "../base/errors.ts";
import { KeyedLock } from "../base/keyed_lock.ts";
import type { Config } from "../config/table.ts";
import { connectContainerd } from "../containerd/client.ts";
import { readArchive } from "../images/archive.ts";
import { buildPauseImage } from "../images/pause.ts";
import { imageArchitecture } from "../images/platform.ts";
import { registryService } from "../images/serve.ts";
import { timingWith } from "../registry/timing.ts";
import { serveChannel } from "./channel.ts";
import { compartmentMain } from "./start.ts";

compartmentMain<Config>("registry", ({ config, peers }) => {
  const { address, namespace } = config.containerd;
  const containerd = connectContainerd({ address, namespace });
  const service = registryService({
    content: containerd.content,
    diff: containerd.diff,
    images: containerd.images,
    leases: containerd.leases,
    snapshots: (snapshotter) => containerd.snapshots(snapshotter),
    architecture: imageArchitecture(),
    locks: new KeyedLock(),
    parallelLayers: config.images.max_parallel_downloads,
    timing: timingWith(config.images.pull_progress_timeout),
    buildPauseImage,
    readArchive,
    openFile,
  });
  serveChannel(peers.server, service);
  return Promise.resolve({ stop: () => containerd.close() });
});

async function openFile(path: string): Promise<ReadableStream<Uint8Array>> {
  try {
    return (await Deno.open(path)).readable;
  } catch (error) {
    throw during(`Cannot open ${path}`, error);
  }
}
