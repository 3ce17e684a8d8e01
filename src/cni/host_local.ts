/** The addresses that the plugin host-local has given out: a file each, named by the address. */
import { isObject } from "./json.ts";
import type { Network } from "./conf.ts";

/** Where host-local keeps them when its configuration doesn't say. */
const DATA_DIR = "/var/lib/cni/networks";

/** Beside the addresses lie a lock and the last address of each range. */
const ADDRESS = /^(?:\d+\.\d+\.\d+\.\d+|[0-9a-f]*:[0-9a-f:.]*)$/i;

export interface HostLocalLease {
  readonly network: string;
  readonly address: string;
  readonly containerId: string;
  readonly file: string;
}

/** What is given out in these networks, to anybody. */
export async function hostLocalLeases(networks: readonly Network[]): Promise<HostLocalLease[]> {
  const found: HostLocalLease[] = [];
  for (const { name, plugins } of networks) {
    for (const { raw: { ipam } } of plugins) {
      if (!isObject(ipam) || ipam.type !== "host-local") continue;
      const dataDir = typeof ipam.dataDir === "string" && ipam.dataDir !== ""
        ? ipam.dataDir
        : DATA_DIR;
      found.push(...await leasesIn(name, `${dataDir}/${name}`));
    }
  }
  return found;
}

/** Frees an address, unless it is somebody else's by now. */
export async function removeLease(lease: HostLocalLease): Promise<void> {
  if (await holderOf(lease.file) !== lease.containerId) return;
  try {
    await Deno.remove(lease.file);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function leasesIn(network: string, dir: string): Promise<HostLocalLease[]> {
  const found: HostLocalLease[] = [];
  try {
    for await (const { name, isFile } of Deno.readDir(dir)) {
      if (!isFile || !ADDRESS.test(name)) continue;
      const file = `${dir}/${name}`;
      const containerId = await holderOf(file);
      if (containerId !== undefined) found.push({ network, address: name, containerId, file });
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return found;
}

/** The first line names the container, the second one its interface. */
async function holderOf(file: string): Promise<string | undefined> {
  try {
    return (await Deno.readTextFile(file)).split(/\r?\n/, 1)[0]?.trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
