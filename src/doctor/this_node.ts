/** The node that this runs on, for the checks. */
import { openCniNetworks } from "../cni/networks.ts";
import { runPlugin } from "../cni/exec.ts";
import { loadConfig } from "../config/load.ts";
import { connectContainerd } from "../containerd/client.ts";
import { askDaemon } from "../cri/readiness.ts";
import { openLinux } from "../linux/linux.ts";
import { withContainerdAddress } from "../supervisor/managed_config.ts";
import { askProgram } from "../supervisor/program.ts";
import { messageOf, type Node } from "./node.ts";

/** Does something with the node; what was opened for it is closed then, and what a trial made gone. */
export async function withThisNode<T>(
  configPath: string | undefined,
  work: (node: Node) => Promise<T>,
): Promise<T> {
  const loaded = loadConfig(configPath === undefined ? {} : { path: configPath });
  const config = withContainerdAddress(loaded.config);
  const { address, namespace, binaries } = config.containerd;
  const scratch = await Deno.makeTempDir({ prefix: "cri-doctor-" });
  const containerd = connectContainerd({ address, namespace });
  const networks = openCniNetworks({
    confDir: config.cni.conf_dir,
    binDirs: config.cni.bin_dirs,
    cacheDir: scratch,
    maxConfNum: config.cni.max_conf_num,
    runPlugin,
  });
  const linux = openLinux();
  try {
    return await work({
      config,
      linux,
      networks,
      containerd: { ...containerd, version: () => patiently(address, () => containerd.version()) },
      scratch,
      isRoot: linux.effectiveCapabilities().has("CAP_SYS_ADMIN"),
      now: () => new Date(),
      stat,
      whyNotWritable,
      programVersion: async (name) => {
        const flag = name.startsWith("containerd-shim") ? "-v" : "--version";
        const said = await askProgram(binaries, name, [flag]);
        const line = said?.text.trim().split("\n").slice(0, 2).join(" ") ?? "";
        return said === undefined ? undefined : { path: said.path, text: line };
      },
      askDaemon: async () => {
        const report = await askDaemon(config.listen);
        if (report instanceof Error) return undefined;
        const { version, status, pods } = report;
        return {
          version: version.runtimeVersion,
          isRecovered: pods !== undefined,
          conditions: status.status?.conditions ?? [],
        };
      },
    });
  } finally {
    networks.close();
    containerd.close();
    await Deno.remove(scratch, { recursive: true });
  }
}

const TRIES = 5;

/** On a slow node the other checks can hold up the connection to a containerd that is there. */
async function patiently<T>(address: string, call: () => Promise<T>): Promise<T> {
  for (let tries = 1;; tries++) {
    try {
      return await call();
    } catch (error) {
      const isUp = await Deno.connect({ transport: "unix", path: address })
        .then((connection) => {
          connection.close();
          return true;
        }, () => false);
      if (tries >= TRIES || !isUp) throw error;
    }
  }
}

async function stat(path: string): ReturnType<Node["stat"]> {
  const found = await Deno.stat(path).catch(() => undefined);
  if (found === undefined) return undefined;
  return { isFile: found.isFile, isDirectory: found.isDirectory, mode: found.mode ?? 0 };
}

/** A folder that isn't there yet is made by the daemon; the one above it is tried then. */
async function whyNotWritable(folder: string): Promise<string | undefined> {
  let path = folder;
  while (path !== "" && await stat(path) === undefined) path = path.slice(0, path.lastIndexOf("/"));
  const file = `${path}/.cri-containerd-doctor-${crypto.randomUUID()}`;
  try {
    await Deno.writeTextFile(file, "");
    await Deno.remove(file);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
