/** The files of a pod: hosts, hostname, resolv.conf and its shared memory. */
import { removePath } from "../base/gone.ts";
import { makePrivateFolder } from "../base/private_folder.ts";
import { settled } from "../base/settled.ts";
import { filesLabel, labelPodFiles, type SelinuxDeps } from "../containers/selinux.ts";
import { rootGroup } from "../containers/user_namespace.ts";
import type { DNSConfig, PodSandboxConfig } from "../gen/cri/v1/api.ts";
import { sandboxDir, sandboxShmDir, sandboxStateDir } from "../state/folders.ts";
import type { SandboxId } from "../base/id.ts";
import type { SandboxMetadata } from "../state/metadata.ts";
import type { Settings } from "../state/settings.ts";
import { hasOwnIpc, hasOwnNetwork } from "./namespaces.ts";

/** Kubernetes counts on 64 MiB, Docker's habit. */
const SHM_BYTES = 64n * 1024n * 1024n;

export interface FilesDeps extends SelinuxDeps {
  readonly settings: Pick<Settings, "rootDir" | "stateDir" | "netnsDir">;
  readonly linux: {
    mountTmpfs(
      target: string,
      options: { sizeBytes: bigint; mode: number; selinuxLabel: string },
    ): void;
    unmount(target: string): void;
  };
  /** The node's own hostname. */
  nodeHostname(): string;
}

/** Writes a pod's files and mounts its shared memory. */
export async function makePodFiles(
  deps: FilesDeps,
  metadata: SandboxMetadata,
): Promise<void> {
  const { id, config } = metadata;
  const dir = sandboxDir(deps.settings, id);
  await makePrivateFolder(dir, rootGroup(config));
  // To the end of each also when one fails: what is taken back then must not come afterwards.
  await settled([
    Deno.writeTextFile(`${dir}/hostname`, `${hostnameOf(deps, config)}\n`),
    Deno.copyFile("/etc/hosts", `${dir}/hosts`).catch((error) =>
      emptyIfMissing(error, `${dir}/hosts`)
    ),
    writeResolvConf(`${dir}/resolv.conf`, config.dnsConfig),
    mountShm(deps, metadata),
  ]);
  labelPodFiles(deps, id, filesLabel(deps, metadata));
}

/** Unmounts and removes all of a pod's files; gone is done. */
export async function removePodFiles(deps: FilesDeps, id: SandboxId): Promise<void> {
  deps.linux.unmount(sandboxShmDir(deps.settings, id));
  await removePath(sandboxStateDir(deps.settings, id));
  await removePath(sandboxDir(deps.settings, id));
}

async function mountShm(deps: FilesDeps, metadata: SandboxMetadata): Promise<void> {
  const { id, config } = metadata;
  if (!hasOwnIpc(config)) return;
  const target = sandboxShmDir(deps.settings, id);
  await makePrivateFolder(sandboxStateDir(deps.settings, id), rootGroup(config));
  await Deno.mkdir(target, { recursive: true, mode: 0o711 });
  deps.linux.mountTmpfs(target, {
    sizeBytes: SHM_BYTES,
    mode: 0o1777,
    selinuxLabel: filesLabel(deps, metadata),
  });
}

/** The pod's hostname: as asked for, else the node's, which a pod on the host's network shares. */
function hostnameOf(deps: FilesDeps, config: PodSandboxConfig): string {
  return config.hostname === "" && !hasOwnNetwork(config) ? deps.nodeHostname() : config.hostname;
}

async function writeResolvConf(path: string, dns: DNSConfig | undefined): Promise<void> {
  const text = resolvConf(dns);
  if (text !== "") return await Deno.writeTextFile(path, text);
  // Without a wish of the pod's own the node's file holds.
  await Deno.copyFile("/etc/resolv.conf", path).catch((error) => emptyIfMissing(error, path));
}

/** The text of resolv.conf for a DNS configuration, "" when there is none. */
export function resolvConf(dns: DNSConfig | undefined): string {
  if (dns === undefined) return "";
  const lines: string[] = [];
  if (dns.searches.length > 0) lines.push(`search ${dns.searches.join(" ")}`);
  for (const server of dns.servers) lines.push(`nameserver ${server}`);
  if (dns.options.length > 0) lines.push(`options ${dns.options.join(" ")}`);
  return lines.map((line) => `${line}\n`).join("");
}

async function emptyIfMissing(error: unknown, path: string): Promise<void> {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
  await Deno.writeTextFile(path, "");
}
