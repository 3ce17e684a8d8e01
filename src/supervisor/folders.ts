/** The daemon's own folders, and the lock that keeps a second daemon off them. */
import { dirname } from "node:path";
import { CriError } from "../base/errors.ts";
import { pause } from "../base/pause.ts";
import type { Config } from "../config/table.ts";
import { certificateFolder, fifoFolder } from "./permissions.ts";

/**
 * Makes every folder that the compartments work in; they may not make them themselves, for what
 * lies above is not theirs. A folder that exists keeps its mode.
 *
 * @throws CriError failedPrecondition naming the folder
 */
export async function makeFolders(config: Config): Promise<void> {
  // Pods' processes pass through root and state to files that are bind-mounted from there.
  await make(config.root, 0o711);
  await make(config.state, 0o711);
  await make(fifoFolder(config), 0o700);
  const certificate = certificateFolder(config);
  if (certificate !== "") await make(certificate, 0o700);
  await make(dirname(config.listen), 0o755);
  await make(config.cni.cache_dir, 0o700);
  await make(config.cni.netns_dir, 0o755);
  await make(config.images.import_dir, 0o755);
  for (const dir of config.logs.dirs) await make(dir, 0o755);
}

async function make(path: string, mode: number): Promise<void> {
  try {
    await Deno.mkdir(path, { recursive: true, mode });
  } catch (error) {
    throw new CriError("failedPrecondition", `Cannot make the folder ${path}: ${reason(error)}`, {
      cause: error,
      remedy: "the daemon runs as root and its folders must lie on writable file systems",
    });
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * A program that a daemon was just starting when it died has that one's open files, the lock among
 * them, until it is the program that it is to be.
 */
const LOCK_WAIT_MS = 2_000;
const LOCK_RETRY_MS = 20;

/**
 * Takes the lock of a state folder. It is the kernel's: gone with the process, however that ends.
 *
 * @throws CriError alreadyExists when another daemon holds it
 */
export async function lockState(
  { state }: Pick<Config, "state">,
  waitMs = LOCK_WAIT_MS,
): Promise<Disposable> {
  const file = await Deno.open(`${state}/lock`, { create: true, write: true, mode: 0o600 });
  for (const until = performance.now() + waitMs;; await pause(LOCK_RETRY_MS)) {
    if (await file.tryLock(true)) return file;
    if (performance.now() >= until) break;
  }
  file.close();
  throw new CriError("alreadyExists", `Another daemon is running on ${state}`, {
    remedy: "stop it, or give this one a `root`, `state` and `listen` of its own",
  });
}
