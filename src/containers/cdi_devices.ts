/** The files in which vendors describe devices, read when a container asks for one. */
import { CriError, during } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { namesIn } from "../base/names_in.ts";
import type { ContainerConfig } from "../gen/cri/v1/api.ts";
import { type CdiEdits, type CdiFile, cdiNames, checkCdiFile, findCdiEdits } from "../oci/cdi.ts";
import type { Settings } from "../state/settings.ts";

const log = logger("containers");

/** The largest that vendors' tools write have some 100 KiB. */
const MAX_BYTES = 4 * 1024 * 1024;

/** Aliases of YAML can make little text very large. */
const YAML = { maxAliasCount: 100 };

export interface CdiDeps {
  readonly settings: Pick<Settings, "cdiDirs">;
}

/**
 * What the CDI devices of a container bring along. A file that can't be read is logged and keeps only
 * its own devices away.
 *
 * @throws CriError failedPrecondition for a device that no file has
 */
export async function cdiEdits(
  { settings }: CdiDeps,
  config: ContainerConfig,
): Promise<CdiEdits[]> {
  const names = cdiNames(config);
  if (names.length === 0) return [];
  return findCdiEdits(names, await Promise.all(settings.cdiDirs.map(filesIn)));
}

async function filesIn(dir: string): Promise<CdiFile[]> {
  const files: CdiFile[] = [];
  for (const name of (await namesIn(dir)).sort()) {
    if (!/\.(json|yaml|yml)$/.test(name)) continue;
    const path = `${dir}/${name}`;
    try {
      files.push(checkCdiFile(path, await read(path)));
    } catch (error) {
      log.warn("The CDI file {path} is not used: {error}", { path, error });
    }
  }
  return files;
}

async function read(path: string): Promise<unknown> {
  const { size } = await Deno.stat(path);
  if (size > MAX_BYTES) throw new CriError("failedPrecondition", `${path} has ${size} bytes`);
  const text = await Deno.readTextFile(path);
  try {
    return path.endsWith(".json") ? JSON.parse(text) : await parseYaml(text);
  } catch (error) {
    throw during(path, error, "failedPrecondition");
  }
}

/** Its reader is loaded when a node has such a file: the daemon starts a tenth sooner without. */
async function parseYaml(text: string): Promise<unknown> {
  const { parse } = await import("yaml");
  return parse(text, YAML);
}
