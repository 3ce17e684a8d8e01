/**
 * What each compartment may do, computed from the configuration: exact paths, hosts and programs.
 *
 * 1. What isn't listed is refused by Deno inside that Worker, whatever its code does.
 * 2. /proc, /sys and /dev can't be listed: Deno gives them to nobody but a process that may do
 *    everything. What the daemon reads there it reads through libc (linux/).
 * 3. FFI is revoked by linux/ right after the one library is open.
 */
import type { Config } from "../config/table.ts";
import type { CompartmentName } from "../compartments/start.ts";
import { LIBC_PATHS } from "../linux/libc.ts";
import { ioDir } from "../state/folders.ts";
import { withContainerdAddress } from "./managed_config.ts";

/** Lists of what is allowed; an empty list is nothing, `true` for the network is any host. */
export interface CompartmentPermissions {
  readonly read: readonly string[];
  readonly write: readonly string[];
  readonly net: readonly string[] | true;
  readonly run: readonly string[];
  readonly ffi: readonly string[];
  readonly env: readonly string[];
  readonly sys: readonly ("hostname")[];
}

export type Permissions = Readonly<Record<CompartmentName, CompartmentPermissions>>;

const PROXY_ENV = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"].flatMap((name) => [
  name,
  name.toLowerCase(),
]);
const CA_ENV = ["SSL_CERT_FILE", "SSL_CERT_DIR"] as const;

/** Certificate bundles of the distributions, for registries that name no CA of their own. */
const CA_PATHS = ["/etc/ssl/certs", "/usr/share/ca-certificates", "/etc/pki", "/etc/ssl/cert.pem"];

/** The node's own files that pods get a copy of, and that tell whether systemd runs the node. */
const NODE_FILES = [
  "/etc/hosts",
  "/etc/hostname",
  "/etc/resolv.conf",
  "/run/systemd/resolve",
  "/run/systemd/system",
];

const NOTHING: CompartmentPermissions = {
  read: [],
  write: [],
  net: [],
  run: [],
  ffi: [],
  env: [],
  sys: [],
};

/**
 * The permissions of every compartment.
 *
 * @param plugins the files that are in the CNI plugin folders now, by full path
 */
export function computePermissions(config: Config, plugins: readonly string[]): Permissions {
  const effective = withContainerdAddress(config);
  return {
    server: serverPermissions(effective),
    io: ioPermissions(effective),
    cni: { ...NOTHING, run: unique(plugins) },
    registry: registryPermissions(effective),
  };
}

function serverPermissions(config: Config): CompartmentPermissions {
  const metricsSocket = isSocket(config.metrics.address) ? [config.metrics.address] : [];
  const sockets = [config.listen, config.containerd.address, ...metricsSocket];
  const owned = [config.root, config.state, config.cni.cache_dir, config.cni.netns_dir];
  const baseSpecs = [...config.containerd.runtimes.values()].map((runtime) => runtime.base_spec);
  return {
    ...NOTHING,
    read: unique([
      ...owned,
      ...sockets,
      config.cni.conf_dir,
      ...config.cni.bin_dirs,
      ...baseSpecs,
      ...config.cdi.spec_dirs,
      // An archive gets its name when it is whole, and renaming takes both.
      ...config.checkpoints.dirs,
      ...NODE_FILES,
    ]),
    write: unique([...owned, ...sockets, ...config.checkpoints.dirs]),
    net: unique([...sockets.map((path) => `unix:${path}`), metricsHost(config)]),
    ffi: [...LIBC_PATHS],
    env: [],
    sys: ["hostname"],
  };
}

function ioPermissions(config: Config): CompartmentPermissions {
  const folders = unique([...config.logs.dirs, fifoFolder(config), certificateFolder(config)]);
  const { tls_cert, tls_key } = config.streaming;
  return {
    ...NOTHING,
    read: unique([...folders, tls_cert, tls_key]),
    write: folders,
    net: unique([listenHost(config.streaming.address)]),
    ffi: [...LIBC_PATHS],
  };
}

function registryPermissions(config: Config): CompartmentPermissions {
  const socket = config.containerd.address;
  return {
    ...NOTHING,
    read: unique([
      socket,
      config.images.registry_config,
      config.images.credentials_file,
      ...[...config.images.signatures.values()].flatMap(({ keys }) => keys),
      config.images.import_dir,
      ...CA_PATHS,
    ]),
    // The socket alone: connecting to it counts as writing. No other unix socket can be reached.
    write: [socket],
    net: true,
    env: [...PROXY_ENV, ...CA_ENV],
  };
}

/** The folder of the containers' stdio FIFOs. */
export function fifoFolder(config: Config): string {
  return ioDir({ stateDir: config.state });
}

/** The folder of a certificate that is made here; "" when none is. */
export function certificateFolder({ state, streaming }: Config): string {
  return streaming.tls_self_signed && streaming.tls_cert === "" ? `${state}/streaming` : "";
}

/** An address as Deno's network permission names it; a listener on every interface is 0.0.0.0. */
function listenHost(address: string): string {
  return address.startsWith(":") ? `0.0.0.0${address}` : address;
}

function metricsHost({ metrics }: Config): string {
  return isSocket(metrics.address) ? "" : listenHost(metrics.address);
}

function isSocket(address: string): boolean {
  return address.startsWith("/");
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)].filter((value) => value !== "");
}

/** In the form in which a Worker is given them. Every kind is named: one left out is inherited. */
export function workerPermissions(own: CompartmentPermissions): Deno.PermissionOptionsObject {
  const list = (values: readonly string[]) => values.length === 0 ? false : [...values];
  return {
    read: list(own.read),
    write: list(own.write),
    net: own.net === true ? true : list(own.net),
    run: list(own.run),
    ffi: list(own.ffi),
    env: list(own.env),
    sys: own.sys.length === 0 ? false : [...own.sys],
    import: false,
  };
}
