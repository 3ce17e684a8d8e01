/**
 * The folder of hosts.toml files, `certs.d/HOST/hosts.toml`: looked at anew for every pull, so that
 * a changed file counts at once. A folder without such a file may hold certificates the way Docker
 * keeps them: *.crt are authorities, *.cert with *.key are ours.
 */
import { CriError } from "../base/errors.ts";
import { readOptional, unreadable } from "./files.ts";
import { type Endpoint, type Hosts, ownEndpoint } from "./hosts.ts";
import { type HostEntry, parseHostsFile } from "./hosts_file.ts";
import { Transports } from "./transports.ts";

const FALLBACK = "_default";

/** The registries as a folder describes them; "" is no folder. */
export function hostsIn(folder: string): Hosts {
  const transports = new Transports();
  return async (domain) => {
    const { endpoints } = await readHosts(folder, domain, transports);
    return endpoints;
  };
}

/** What a folder says of a registry. */
export interface FoundHosts {
  /** The registry's own folder, undefined when there is none. */
  readonly folder: string | undefined;
  readonly endpoints: readonly Endpoint[];
}

/**
 * The servers of one registry and where they are written.
 *
 * @throws CriError failedPrecondition when a file is wrong or can't be read
 */
export async function readHosts(
  folder: string,
  domain: string,
  transports: Transports = new Transports(),
): Promise<FoundHosts> {
  const own = ownEndpoint(domain);
  const found = folder === "" ? undefined : await folderOf(folder, domain);
  if (found === undefined) return { folder: undefined, endpoints: [own] };
  const file = `${found}/hosts.toml`;
  const toml = await readOptional(file);
  const entries = toml === undefined || toml.trim() === ""
    ? [await certificatesIn(found)]
    : parseHostsFile(toml, file);
  const endpoints = entries.map((entry) => toEndpoint(entry, own, transports));
  return { folder: found, endpoints: await Promise.all(endpoints) };
}

async function toEndpoint(
  entry: HostEntry,
  own: Endpoint,
  transports: Transports,
): Promise<Endpoint> {
  const { resolves, pulls, headers, dialTimeoutMs } = entry;
  const root = entry.root ?? own.root;
  const isMirror = root.host !== own.root.host;
  const fetch = await transports.for(entry);
  return {
    root,
    host: isMirror ? root.host : own.host,
    isMirror,
    resolves,
    pulls,
    headers,
    ...(dialTimeoutMs === undefined ? {} : { dialTimeoutMs }),
    isProxied: entry.proxy !== undefined,
    ...(fetch === undefined ? {} : { fetch }),
  };
}

/** Folders can't have a colon everywhere: `host:5000` may be written `host_5000_`. */
async function folderOf(root: string, domain: string): Promise<string | undefined> {
  const names = [domain.replace(/:(\d+)$/, "_$1_"), domain, FALLBACK];
  for (const name of new Set(names)) {
    const path = `${root}/${name}`;
    try {
      if ((await Deno.stat(path)).isDirectory) return path;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw unreadable(path, error);
    }
  }
  return undefined;
}

async function certificatesIn(folder: string): Promise<HostEntry> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(folder)) names.push(name);
  const path = (name: string) => `${folder}/${name}`;
  const certificates = names.filter((name) => name.endsWith(".cert")).sort();
  return {
    root: undefined,
    resolves: true,
    pulls: true,
    caFiles: names.filter((name) => name.endsWith(".crt")).sort().map(path),
    clientFiles: certificates.map((name) => {
      const key = name.replace(/cert$/, "key");
      if (names.includes(key)) return [path(name), path(key)] as const;
      throw new CriError("failedPrecondition", `${path(name)} has no ${key} beside it`);
    }),
    skipsVerify: false,
    headers: [],
    dialTimeoutMs: undefined,
    proxy: undefined,
  };
}
