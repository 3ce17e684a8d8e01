/** The configuration folder: which files in it are networks, and in what order. */
import { CriError, during, toCriError } from "../base/errors.ts";
import { type ConfText, type Network, parseNetwork, withFolder } from "./conf.ts";

const EXTENSIONS = [".conflist", ".conf", ".json"];
const MAX_FILE_BYTES = 1 << 20;

/** What was found in the folder. */
export interface FoundNetworks {
  /** In order of file name; the first is the pods' eth0. */
  readonly networks: readonly Network[];
  /** Files that come before the last one used and can't be used, with their problems. */
  readonly problems: readonly string[];
  /** Why there is no network, undefined when there is one. */
  readonly reason: string | undefined;
  /** The folder or a file in it could not be read, as when there is no file descriptor for it. */
  readonly isUnreadable: boolean;
}

export interface FolderOptions {
  readonly confDir: string;
  /** How many networks are used; 0 is all. */
  readonly maxConfNum: number;
}

/** Changes whenever a file that matters does: names, times and sizes, the folder's own identity. */
export async function fingerprint(confDir: string): Promise<string> {
  try {
    const { dev, ino } = await Deno.stat(confDir);
    const lines = [`${dev}:${ino}`];
    for (const { name, isDirectory } of await entriesOf(confDir)) {
      const path = `${confDir}/${name}`;
      if (!isDirectory) {
        if (hasExtension(name)) lines.push(await fileLine(path));
        continue;
      }
      for (const inner of await entriesOf(path)) {
        if (inner.name.endsWith(".conf")) lines.push(await fileLine(`${path}/${inner.name}`));
      }
    }
    return lines.join("\n");
  } catch (error) {
    return error instanceof Deno.errors.NotFound ? "" : `error: ${toCriError(error).message}`;
  }
}

async function fileLine(path: string): Promise<string> {
  try {
    const { ino, size, mtime, ctime } = await Deno.stat(path);
    return `${path} ${ino} ${size} ${mtime?.getTime()} ${ctime?.getTime()}`;
  } catch {
    return `${path} gone`;
  }
}

/** Reads the folder. Never throws: what is wrong is in the answer. */
export async function readNetworks({ confDir, maxConfNum }: FolderOptions): Promise<FoundNetworks> {
  let files: string[];
  try {
    files = (await entriesOf(confDir)).filter(({ name, isDirectory }) =>
      !isDirectory && hasExtension(name)
    ).map(({ name }) => name);
  } catch (error) {
    const reason = error instanceof Deno.errors.NotFound
      ? `the CNI configuration folder ${confDir} does not exist; install a network add-on`
      : `the CNI configuration folder ${confDir} can't be read: ${toCriError(error).message}`;
    return { networks: [], problems: [], reason, isUnreadable: true };
  }
  if (files.length === 0) {
    const reason =
      `no CNI configuration (*.conflist, *.conf or *.json) in ${confDir}; install a network add-on`;
    return { networks: [], problems: [], reason, isUnreadable: false };
  }
  const networks: Network[] = [];
  const problems: string[] = [];
  let isUnreadable = false;
  for (const file of files) {
    if (maxConfNum > 0 && networks.length >= maxConfNum) break;
    try {
      networks.push(await readNetwork(confDir, file));
    } catch (error) {
      const { kind, message } = toCriError(error);
      problems.push(message);
      isUnreadable ||= kind === "internal";
    }
  }
  const reason = `no usable CNI configuration in ${confDir}: ${problems.join("; ")}`;
  return { networks, problems, reason: networks.length > 0 ? undefined : reason, isUnreadable };
}

async function readNetwork(confDir: string, file: string): Promise<Network> {
  const { network, takesFolder } = parseNetwork(await readText(`${confDir}/${file}`));
  if (!takesFolder) return network;
  const folder = `${confDir}/${network.name}`;
  return withFolder(network, await readFolder(folder));
}

async function readFolder(folder: string): Promise<ConfText[]> {
  try {
    const names = (await entriesOf(folder)).filter(({ name, isDirectory }) =>
      !isDirectory && name.endsWith(".conf")
    );
    return await Promise.all(names.map(({ name }) => readText(`${folder}/${name}`)));
  } catch (error) {
    if (isNoFolder(error)) return [];
    throw error;
  }
}

/** A file may be named as the network, which is no folder then. */
function isNoFolder(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}

/** @throws CriError internal for what can't be read now, failedPrecondition for what never can */
async function readText(file: string): Promise<ConfText> {
  try {
    const { size } = await Deno.stat(file);
    if (size <= MAX_FILE_BYTES) return { file, text: await Deno.readTextFile(file) };
    throw new CriError("failedPrecondition", `${size} bytes are more than a configuration has`);
  } catch (error) {
    throw during(file, error);
  }
}

async function entriesOf(dir: string): Promise<Deno.DirEntry[]> {
  const entries = await Array.fromAsync(Deno.readDir(dir));
  return entries.sort((a, b) => a.name < b.name ? -1 : 1);
}

/** Hidden files are editors' and installers' work in progress. */
function hasExtension(name: string): boolean {
  return !name.startsWith(".") && EXTENSIONS.some((extension) => name.endsWith(extension));
}
