/** A pod network of real plugins for a test: own folders, bridge, subnet and namespaces. */
import { runPlugin } from "../../src/cni/exec.ts";
import { type CniOptions, openCniNetworks } from "../../src/cni/networks.ts";
import type { Attachment, CniNetworks } from "../../src/cni/types.ts";
import { attachmentOf, type CniSubject } from "../suites/cni_suite.ts";
import { filesOf, PLUGIN_DIRS } from "./network.ts";
import { sh } from "./sh.ts";

export interface CniWorld extends CniSubject, AsyncDisposable {
  dir: string;
  confDir: string;
  /** A folder for plugins of the test's own, searched first. */
  ownBinDir: string;
  options: CniOptions;
  networks: CniNetworks;
  networkName: string;
  bridge: string;
  /** The first three numbers of the subnet: "10.201.7". */
  subnet: string;
  /** Writes a file of the configuration folder. */
  configure(file: string, conf: unknown): Promise<void>;
  /** A configuration of bridge, host-local and portmap, as network add-ons write it. */
  bridgeConf(more?: object): { plugins: object[] } & Record<string, unknown>;
  /** Puts a shell script among the plugins. */
  script(name: string, lines: string): Promise<void>;
  /** The addresses that host-local has given out. */
  leases(): Promise<string[]>;
  /** Names of the files in libcni's cache. */
  cached(): Promise<string[]>;
  /** Removes a pod's namespace and its file. */
  removeNetns(containerId: string): Promise<void>;
}

/** A world with the bridge network configured; `more` changes what networks are opened with. */
export async function cniWorld(more: Partial<CniOptions> = {}): Promise<CniWorld> {
  const dir = await Deno.makeTempDir({ prefix: "cri-cni-" });
  const tag = dir.slice(-6).toLowerCase();
  const [a = 0, b = 0] = crypto.getRandomValues(new Uint8Array(2));
  const subnet = `10.${200 + a % 50}.${b}`;
  const bridge = `ct${tag}`;
  const networkName = `podnet-${tag}`;
  const confDir = `${dir}/net.d`;
  const ownBinDir = `${dir}/bin`;
  for (const folder of [confDir, ownBinDir]) await Deno.mkdir(folder);
  const options: CniOptions = {
    confDir,
    binDirs: [ownBinDir, ...PLUGIN_DIRS],
    cacheDir: `${dir}/cache`,
    runPlugin,
    ...more,
  };
  const networks = openCniNetworks(options);
  const namespaces = new Set<string>();
  const netnsName = (containerId: string) => `ct-${tag}-${containerId}`;
  const removeNetns = async (containerId: string) => {
    if (namespaces.delete(containerId)) await sh("ip", "netns", "delete", netnsName(containerId));
  };
  const world: CniWorld = {
    dir,
    confDir,
    ownBinDir,
    options,
    networks,
    networkName,
    bridge,
    subnet,
    configure: (file, conf) =>
      Deno.writeTextFile(
        `${confDir}/${file}`,
        typeof conf === "string" ? conf : JSON.stringify(conf, undefined, 2),
      ),
    bridgeConf: (more = {}) => ({
      cniVersion: "1.0.0",
      name: networkName,
      plugins: [
        {
          type: "bridge",
          bridge,
          isGateway: true,
          ipam: {
            type: "host-local",
            dataDir: `${dir}/leases`,
            ranges: [[{ subnet: `${subnet}.0/24` }]],
            routes: [{ dst: "0.0.0.0/0" }],
          },
        },
        { type: "portmap", capabilities: { portMappings: true } },
      ],
      ...more,
    }),
    script: (name, lines) =>
      Deno.writeTextFile(`${ownBinDir}/${name}`, `#!/bin/sh\n${lines}\n`, { mode: 0o755 }),
    leases: async () =>
      (await filesOf(`${dir}/leases/${networkName}`)).filter((name) => /^[\d.]+$/.test(name)),
    cached: () => filesOf(`${dir}/cache/results`),
    attachment: async (containerId): Promise<Attachment> => {
      const name = netnsName(containerId);
      if (!namespaces.has(containerId)) {
        await sh("ip", "netns", "add", name);
        namespaces.add(containerId);
      }
      return attachmentOf(containerId, `/var/run/netns/${name}`);
    },
    removeNetns,
    [Symbol.asyncDispose]: async () => {
      networks.close();
      for (const containerId of namespaces) await removeNetns(containerId);
      await sh("ip", "link", "delete", bridge).catch(() => {});
      await Deno.remove(dir, { recursive: true });
    },
  };
  await world.configure("10-pods.conflist", world.bridgeConf());
  return world;
}
