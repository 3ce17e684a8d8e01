/**
 * The registry compartment: everything that is fetched from registries or read from archives and
 * unpacked by containerd. It may reach the network, and may not write files, run programs or call
 * libraries.
 */
import type { Config } from "../config/table.ts";
import { connectContainerd } from "../containerd/client.ts";
import { readArchive } from "../images/archive.ts";
import { followImportFolder } from "../images/import_folder.ts";
import { buildPauseImage } from "../images/pause.ts";
import { registryService } from "../images/serve.ts";
import { allOf, serveChannel } from "./channel.ts";
import { importFiles } from "./import_files.ts";
import { openFile } from "./open_file.ts";
import { registryDeps } from "./registry_deps.ts";
import { compartmentMain } from "./start.ts";
import { usageService } from "./usage.ts";

compartmentMain<Config>("registry", ({ config, peers, stopping }) => {
  const { address, namespace } = config.containerd;
  const containerd = connectContainerd({ address, namespace });
  const deps = { ...registryDeps(config, containerd), readArchive };
  serveChannel(
    peers.server,
    allOf([registryService({ ...deps, buildPauseImage, openFile }), usageService()]),
  );
  const { import_dir, sandbox_image } = config.images;
  const folder = {
    path: import_dir,
    snapshotter: config.containerd.snapshotter,
    sandboxImage: sandbox_image,
  };
  void followImportFolder({ ...deps, ...importFiles(import_dir) }, folder, stopping);
  return Promise.resolve({ stop: () => containerd.close() });
});
