/** The users and groups of an image: its own passwd and group files, read once an image. */
import { removePath } from "../base/gone.ts";
import type { ContainerId } from "../base/id.ts";
import type { Mount } from "../containerd/mount.ts";
import type { Image } from "../images/image.ts";
import { lookupDir } from "../state/folders.ts";
import type { Settings } from "../state/settings.ts";

/** Texts of /etc/passwd and /etc/group, "" where an image has none. */
export interface Accounts {
  readonly passwd: string;
  readonly group: string;
}

/** A passwd file above this is hostile or broken, and not worth the memory. */
const MAX_BYTES = 1024 * 1024;

/** Images whose accounts are kept in memory. */
const MAX_KNOWN = 500;

export interface AccountsDeps {
  readonly settings: Pick<Settings, "rootDir" | "stateDir" | "netnsDir">;
  /** By chain id: the content under one never changes. */
  readonly accounts: Map<string, Accounts>;
  readonly linux: {
    mountAll(mounts: Mount[], target: string): void;
    unmount(target: string): void;
    /** Reads a regular file below a root, following links inside that root only. */
    readInRoot(root: string, path: string, maxBytes: number): Promise<string | undefined>;
  };
}

/** What an earlier container of the image has read. */
export function knownAccounts(deps: AccountsDeps, image: Image): Accounts | undefined {
  return deps.accounts.get(image.chainId);
}

/** Mounts a fresh root filesystem read-only for a moment. */
export async function withRootfs<T>(
  deps: AccountsDeps,
  { id, rootfs }: { id: ContainerId; rootfs: Mount[] },
  work: (root: string) => Promise<T>,
): Promise<T> {
  const target = lookupDir(deps.settings, id);
  await Deno.mkdir(target, { recursive: true, mode: 0o700 });
  try {
    deps.linux.mountAll(rootfs.map(readOnly), target);
    return await work(target);
  } finally {
    await endLookup(deps, id);
  }
}

/** Reads the accounts of an image below its root, and keeps them. */
export async function readAccounts(
  deps: AccountsDeps,
  { image, root }: { image: Image; root: string },
): Promise<Accounts> {
  const [passwd = "", group = ""] = await Promise.all([
    deps.linux.readInRoot(root, "/etc/passwd", MAX_BYTES),
    deps.linux.readInRoot(root, "/etc/group", MAX_BYTES),
  ]);
  const accounts = { passwd, group };
  remember(deps.accounts, image.chainId, accounts);
  return accounts;
}

/** Takes the moment's mount away; gone is done. */
export async function endLookup(
  deps: Pick<AccountsDeps, "settings"> & { linux: Pick<AccountsDeps["linux"], "unmount"> },
  id: ContainerId,
): Promise<void> {
  const target = lookupDir(deps.settings, id);
  deps.linux.unmount(target);
  await removePath(target);
}

/** The same content without a place to write to: an overlay of its layers alone. */
function readOnly({ options, ...mount }: Mount): Mount {
  // Owners are as on the disk: mappings are for who mounts it into a user namespace.
  const unmapped = options.filter((name) => !/^[ug]idmap=/.test(name));
  if (mount.type !== "overlay") return { ...mount, options: [...without(unmapped, "rw"), "ro"] };
  const upper = option(unmapped, "upperdir=");
  const lower = option(unmapped, "lowerdir=");
  const rest = unmapped.filter((name) => !/^(upperdir|lowerdir|workdir)=/.test(name));
  return { ...mount, options: [...rest, `lowerdir=${upper}:${lower}`, "ro"] };
}

function without(options: string[], name: string): string[] {
  return options.filter((option) => option !== name);
}

function option(options: string[], prefix: string): string {
  return options.find((name) => name.startsWith(prefix))?.slice(prefix.length) ?? "";
}

function remember(known: Map<string, Accounts>, chainId: string, accounts: Accounts): void {
  const oldest = known.keys().next();
  if (known.size >= MAX_KNOWN && !oldest.done) known.delete(oldest.value);
  known.set(chainId, accounts);
}
