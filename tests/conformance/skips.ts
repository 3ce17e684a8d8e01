/**
 * Skips that the node explains. The suite skips tests of what a server doesn't announce without a
 * word, so a feature that is lost would look like a pass.
 */
import { isKernelFrom } from "../../src/oci/kernel.ts";
import type { ContainerdLine } from "./options.ts";
import type { Result } from "./results.ts";

/** What the tests run on. */
export interface TestNode {
  readonly containerd: ContainerdLine;
  /** As of uname -r. */
  readonly kernelRelease: string;
}

const APPARMOR = /^AppArmor is disabled on this host/;
/** The suite tries it itself on the file system of `stateDir`. */
const MAPPED_MOUNTS = /^ID mapping is not supported with path/;
const USER_NAMESPACES = /supports user namespaces/;
const RECURSIVE_READONLY = /does not implement recursive readonly mounts/;

/** Skips as failures, unless the node can't do what they are about. */
export function judgeSkips(results: readonly Result[], node: TestNode): Result[] {
  const explained = [APPARMOR, MAPPED_MOUNTS];
  // Its runc maps no mounts and its snapshotters no owners.
  if (node.containerd === "1.6") explained.push(USER_NAMESPACES);
  if (!isKernelFrom(node.kernelRelease, [5, 12])) explained.push(RECURSIVE_READONLY);
  return results.map((result) => {
    const isExplained = explained.some((pattern) => pattern.test(result.reason));
    if (result.outcome !== "skipped" || isExplained) return result;
    return { ...result, outcome: "failed", reason: `skipped without need: ${result.reason}` };
  });
}
