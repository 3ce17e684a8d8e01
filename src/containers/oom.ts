/** Whether the kernel killed a container for want of memory. */
import type { ContainerId } from "../base/id.ts";
import { cgroupPath } from "../oci/cgroups.ts";
import type { Container } from "../state/containers.ts";
import type { SandboxStore } from "../state/sandboxes.ts";
import type { Settings } from "../state/settings.ts";
import type { Sampler } from "../stats/sampler.ts";

/** 128 + SIGKILL. */
const KILLED = 137;

export interface OomDeps {
  /** Containers of which containerd's events told it. */
  readonly oomKilled: Set<ContainerId>;
  readonly sandboxes: Pick<SandboxStore, "find">;
  readonly settings: Pick<Settings, "cgroupDriver">;
  readonly sampler: Pick<Sampler, "oomKills">;
}

/**
 * To be asked before the task is deleted. On a busy node the event comes after the exit, and when the
 * task is deleted by then it doesn't come at all: so the kernel's own count is looked at too.
 */
export function wasOomKilled(
  deps: OomDeps,
  { id, metadata }: Pick<Container, "id" | "metadata">,
  exitCode: number,
): boolean {
  if (deps.oomKilled.has(id)) return true;
  if (exitCode !== KILLED) return false;
  const pod = deps.sandboxes.find(metadata.sandboxId)?.metadata.config;
  const place = { parent: pod?.linux?.cgroupParent ?? "", id };
  return (deps.sampler.oomKills(cgroupPath(deps.settings.cgroupDriver, place)) ?? 0n) > 0n;
}
