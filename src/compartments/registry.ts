/**
 * The registry compartment: everything that is fetched from registries or read from archives and
 * unpacked by containerd. It may reach the network, and may not write files, run programs or call
 * libraries.
 */
import { during } from "../base/errors.ts";
import type { Config } from "../config/table.ts";
import { connectContainerd } from "../containerd/client.ts";
import { readArchive } from "../images/archive.ts";
import { buildPauseImage } from "../images/pause.ts";
import { registryService } from "../images/serve.ts";
import { serveChannel } from "./channel.ts";
import { registryDeps } from "./registry_deps.ts";
import { compartmentMain } from "./start.ts";

compartmentMain<Config>("registry", ({ config, peers }) => {
  const { address, namespace } = config.containerd;
  const containerd = connectContainerd({ address, namespace });
  const service = registryService({
    ...registryDeps(config, containerd),
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
