/** What the runtimes on this node can do, by their own word: `runc features`. */
import * as v from "valibot";
import { logger } from "../base/log.ts";
import type { Config, RuntimeConfig } from "../config/table.ts";
import type { RuntimeFeatures } from "../state/settings.ts";
import { searchPath } from "./containerd_process.ts";

const log = logger("supervisor");

/** It prints a constant text. */
const TIMEOUT_MS = 5_000;

/** Shims that run runc, or a program that takes its arguments. */
const RUNC_SHIM = "io.containerd.runc.v2";

/** By the names of `[containerd.runtimes.NAME]`; what can't be found out is left out. */
export type FoundFeatures = ReadonlyMap<string, RuntimeFeatures>;

/** Asks each runtime once. None that fails keeps the daemon from starting. */
export async function findRuntimeFeatures(config: Config): Promise<FoundFeatures> {
  const found = new Map<string, RuntimeFeatures>();
  for (const [name, runtime] of config.containerd.runtimes) {
    if (runtime.type !== RUNC_SHIM) continue;
    try {
      found.set(name, await askRuntime(config, runtime));
    } catch (error) {
      log.info(
        "Cannot find out what runtime {name} can do: pods of it get neither user namespaces " +
          "nor recursive read-only mounts ({error})",
        { name, error },
      );
    }
  }
  return found;
}

/** The parts of OCI's features structure that are used here. */
const Features = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    mountOptions: v.optional(v.array(v.string()), []),
    linux: v.optional(v.object({
      mountExtensions: v.optional(v.object({
        idmap: v.optional(v.object({ enabled: v.optional(v.boolean(), false) })),
      })),
    })),
  }),
);

async function askRuntime(config: Config, { options }: RuntimeConfig): Promise<RuntimeFeatures> {
  const path = searchPath(config.containerd.binaries);
  const program = await findProgram(String(options.get("BinaryName") || "runc"), path);
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args: ["features"],
    env: { PATH: path },
    stdin: "null",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`${program} features: ${decoder.decode(stderr).trim()}`);
  const { mountOptions, linux } = v.parse(Features, decoder.decode(stdout));
  return {
    recursiveReadonlyMounts: mountOptions.includes("rro"),
    idmappedMounts: linux?.mountExtensions?.idmap?.enabled === true,
  };
}

/** The shim finds it in the same way. */
async function findProgram(name: string, path: string): Promise<string> {
  if (name.startsWith("/")) return name;
  for (const folder of path.split(":")) {
    const found = await Deno.stat(`${folder}/${name}`).catch(() => undefined);
    if (found?.isFile) return `${folder}/${name}`;
  }
  throw new Error(`there is no ${name} in ${path}`);
}
