/** A pod network of real plugins, with folders, bridge and subnet that nobody else has. */
import { sh } from "./sh.ts";

/** Where distributions put the plugins. */
export const PLUGIN_DIRS: readonly string[] = ["/usr/lib/cni", "/opt/cni/bin"];

/** The configuration's file in the network's folder. */
export const CONF_FILE = "10-pods.conflist";

export interface PodNetwork {
  readonly name: string;
  readonly bridge: string;
  /** The first three numbers of the subnet: "10.201.7". */
  readonly subnet: string;
  readonly confDir: string;
  readonly cacheDir: string;
  /** The text of a configuration of bridge, host-local and portmap, as network add-ons write it. */
  conf(): string;
  /** The addresses that host-local has given out. */
  leases(): Promise<string[]>;
  /** Names of the files in libcni's cache of results. */
  cached(): Promise<string[]>;
  /** The chains and rules in iptables that name this network, and interfaces on its bridge. */
  traces(): Promise<string[]>;
  /** Takes the bridge away, and what is left in iptables of pods that nobody has removed. */
  remove(): Promise<void>;
}

/** @param dir the folder of the node; its last letters make the names */
export function podNetwork(dir: string): PodNetwork {
  const tag = dir.slice(-6).toLowerCase();
  const subnet = freeSubnet();
  const bridge = `ct${tag}`;
  const name = `podnet-${tag}`;
  const ipam = {
    type: "host-local",
    dataDir: `${dir}/leases`,
    ranges: [[{ subnet: `${subnet}.0/24` }]],
    routes: [{ dst: "0.0.0.0/0" }],
  };
  const plugins = [
    { type: "bridge", bridge, isGateway: true, ipMasq: true, hairpinMode: true, ipam },
    { type: "portmap", capabilities: { portMappings: true } },
  ];
  const cacheDir = `${dir}/cni`;
  return {
    name,
    bridge,
    subnet,
    confDir: `${dir}/net.d`,
    cacheDir,
    conf: () => JSON.stringify({ cniVersion: "1.0.0", name, plugins }, undefined, 2),
    leases: async () =>
      (await filesOf(`${dir}/leases/${name}`)).filter((file) => /^[\d.]+$/.test(file)),
    cached: () => filesOf(`${cacheDir}/results`),
    traces: async () => [...await rulesOf(name), ...await portsOf(bridge)],
    remove: async () => {
      if (await exists(`/sys/class/net/${bridge}`)) await sh("ip", "link", "delete", bridge);
      await removeRules(name);
    },
  };
}

/** One that no interface of this machine has: a second bridge in a subnet gets no packet. */
function freeSubnet(): string {
  const routes = Deno.readTextFileSync("/proc/net/route");
  for (;;) {
    const [a = 0, b = 0] = crypto.getRandomValues(new Uint8Array(2));
    const numbers = [10, 200 + a % 50, b];
    // The kernel writes a destination with its last number first.
    const destination = [0, ...numbers.toReversed()]
      .map((number) => number.toString(16).padStart(2, "0").toUpperCase()).join("");
    if (!routes.includes(`\t${destination}\t`)) return numbers.join(".");
  }
}

async function rulesOf(network: string): Promise<string[]> {
  const rules = (await sh("iptables", "-w", "-t", "nat", "-S")).split("\n");
  return rules.filter((rule) => rule.includes(`name: \\"${network}\\"`));
}

/** Chains of one pod: for what leaves it and for its host ports. */
const POD_CHAIN = /^CNI-(?:DN-)?[0-9a-f]{16,}$/;

async function removeRules(network: string): Promise<void> {
  const nat = "iptables -w -t nat";
  const chains = new Set<string>();
  for (const rule of await rulesOf(network)) {
    const target = rule.split(" ").at(-1) ?? "";
    if (POD_CHAIN.test(target)) chains.add(target);
    // Rules are told in words for a shell.
    await sh("sh", "-c", `${nat} ${rule.replace(/^-A/, "-D")}`);
  }
  for (const chain of chains) await sh("sh", "-c", `${nat} -F ${chain} && ${nat} -X ${chain}`);
}

async function portsOf(bridge: string): Promise<string[]> {
  const ports = await filesOf(`/sys/class/net/${bridge}/brif`);
  return ports.map((port) => `interface ${port} on ${bridge}`);
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Names in a folder, sorted; none when there is no such folder. */
export async function filesOf(dir: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(dir), ({ name }) => name)).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
