/**
 * Removes what a crash left in our own folders without a record in containerd: records are made
 * first and deleted last, so a folder without one belongs to nobody.
 */
import { removePath } from "../base/gone.ts";
import { logger } from "../base/log.ts";
import { namesIn } from "../base/names_in.ts";
import type { ContainerStore } from "../state/containers.ts";
import { ownedFolders } from "../state/folders.ts";
import type { SandboxStore } from "../state/sandboxes.ts";
import type { Settings } from "../state/settings.ts";

const log = logger("pods");

export interface SweepDeps {
  readonly settings: Settings;
  readonly sandboxes: SandboxStore;
  readonly containers: ContainerStore;
  readonly linux: { mountsUnder(prefix: string): string[]; unmount(target: string): void };
}

/** @param setAside ids of the records that can't be read: what they name may live */
export async function sweepOrphans(deps: SweepDeps, setAside: readonly string[]): Promise<void> {
  const { stateDir } = deps.settings;
  const mayLive = new Set(setAside);
  const isPod = (name: string) => mayLive.has(name) || deps.sandboxes.find(name) !== undefined;
  const isContainer = (name: string) =>
    mayLive.has(name) || deps.containers.find(name) !== undefined;
  for (const { dir, owner } of ownedFolders(deps.settings)) {
    await sweep(deps, dir, owner === "pod" ? isPod : isContainer);
  }
  // Only mounted while a container is made, and nothing is being made yet.
  await sweep(deps, `${stateDir}/lookup`, () => false);
}

async function sweep(
  deps: SweepDeps,
  dir: string,
  isOwned: (name: string) => boolean,
): Promise<void> {
  for (const name of await namesIn(dir)) {
    if (isOwned(name)) continue;
    const path = `${dir}/${name}`;
    log.warn("{path} belongs to no record and is removed", { path });
    for (const mount of deps.linux.mountsUnder(path).reverse()) deps.linux.unmount(mount);
    await removePath(path);
  }
}
