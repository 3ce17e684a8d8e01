/** All checks of the node, side by side: none depends on another, and none on a running daemon. */
import { checkContainerd, checkPrograms } from "./containerd.ts";
import { type Finding, findingsOf } from "./finding.ts";
import { checkCgroups, checkForwarding, checkKernel, checkSecurity } from "./kernel.ts";
import { checkDaemon, checkKubelet } from "./kubelet.ts";
import { checkNetwork } from "./network.ts";
import { type Check, messageOf, type Node } from "./node.ts";
import { checkCapabilities, checkClock, checkDisk, checkLimits } from "./process.ts";
import { checkRunc } from "./runc.ts";

/** In the order in which they are printed: the ground first. */
const CHECKS: readonly Check[] = [
  checkCapabilities,
  checkKernel,
  checkCgroups,
  checkForwarding,
  checkSecurity,
  checkLimits,
  checkDisk,
  checkClock,
  checkPrograms,
  checkRunc,
  checkContainerd,
  checkNetwork,
  checkKubelet,
  checkDaemon,
];

export async function examine(node: Node): Promise<Finding[]> {
  const results = await Promise.allSettled(CHECKS.map(async (check) => await check(node)));
  return results.flatMap((result) => {
    if (result.status === "fulfilled") return result.value;
    // A fault of the check itself, which says nothing of the node.
    const { warn } = findingsOf("doctor");
    return [warn(`A check could not be made: ${messageOf(result.reason)}`, "please report it")];
  });
}
