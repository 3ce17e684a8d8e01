/** SELinux as the configuration wants it and the node has it. */
import { logger } from "../base/log.ts";
import type { Config } from "../config/table.ts";
import type { Selinux } from "../containers/selinux.ts";
import { type FileLabels, openFileLabels } from "../linux/file_labels.ts";
import { type Linux, openLinux } from "../linux/linux.ts";
import { findSelinux } from "../node/selinux.ts";
import { LevelRegistry } from "../state/levels.ts";

const log = logger("server");

/** Opens libc for the server: with what labels files only where SELinux is switched on. */
export function openKernel(
  config: Pick<Config, "selinux">,
): { linux: Linux; selinux: Selinux | undefined } {
  // Before openLinux(), which gives the permission to open libraries up.
  const files = config.selinux.enabled ? openFileLabels() : undefined;
  const linux = openLinux();
  return { linux, selinux: openSelinux(config, { linux, files }) };
}

/**
 * What pods and containers are labelled with; undefined where it is switched off, or the node can't.
 *
 * @param files undefined where it is switched off: then nobody here can label a file
 */
export function openSelinux(
  config: Pick<Config, "selinux">,
  { linux, files }: {
    linux: Pick<Linux, "readFileIfAny">;
    files: FileLabels | undefined;
  },
): Selinux | undefined {
  if (files === undefined) return undefined;
  const { mode, contexts } = findSelinux((path) => linux.readFileIfAny(path));
  if (mode === "off") {
    log.warn("selinux.enabled is set, and this node has no SELinux: containers get no labels");
    return undefined;
  }
  if (contexts === undefined) {
    log.warn("The SELinux policy of this node has no types for containers: they get no labels");
    return undefined;
  }
  return { contexts, levels: new LevelRegistry(config.selinux.category_range), files };
}
