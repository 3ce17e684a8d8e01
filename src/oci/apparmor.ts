/** The AppArmor profile of a container. Loading the default one is the caller's. */
import { CriError, invalidArgument } from "../base/errors.ts";
import type { LinuxContainerSecurityContext } from "../gen/cri/v1/api.ts";
import type { HostFacts } from "./input.ts";
import { wantedProfile } from "./security_profile.ts";

/** The name of the default profile in the kernel, containerd's. */
export const DEFAULT_APPARMOR_PROFILE = "cri-containerd.apparmor.d";

const CONTEXT = "config.linux.security_context";

/**
 * The profile's name, undefined for none. A request without one gets the default where the kernel
 * has AppArmor; a privileged container has none but a profile that it names.
 *
 * @throws CriError failedPrecondition when the kernel has no AppArmor, invalidArgument for a
 *   profile that isn't loaded
 */
export function apparmorProfile(
  context: LinuxContainerSecurityContext | undefined,
  { apparmorProfiles: loaded }: Pick<HostFacts, "apparmorProfiles">,
): string | undefined {
  const wanted = wantedProfile({
    field: `${CONTEXT}.apparmor`,
    profile: context?.apparmor,
    oldField: `${CONTEXT}.apparmor_profile`,
    oldText: context?.apparmorProfile ?? "",
  });
  if (wanted?.kind === "unconfined") return undefined;
  if (loaded === undefined) {
    if (wanted === undefined) return undefined;
    throw new CriError("failedPrecondition", `${CONTEXT}.apparmor: the node has no AppArmor`, {
      remedy: "ask for Unconfined, or run the pod on a node with AppArmor",
    });
  }
  if (wanted?.kind !== "localhost") {
    return context?.privileged === true ? undefined : DEFAULT_APPARMOR_PROFILE;
  }
  if (loaded.has(wanted.name)) return wanted.name;
  throw invalidArgument(
    `${CONTEXT}.apparmor.localhost_ref`,
    `no profile ${JSON.stringify(wanted.name)} is loaded on this node`,
  );
}
