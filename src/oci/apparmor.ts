/** The AppArmor profile of a container. Loading the default one is the caller's. */
import { CriError, invalidArgument } from "../base/errors.ts";
import type { LinuxContainerSecurityContext } from "../gen/cri/v1/api.ts";
import { DEFAULT_APPARMOR_PROFILE } from "./apparmor_default.ts";
import type { HostFacts } from "./input.ts";
import { wantedProfile } from "./security_profile.ts";

const CONTEXT = "config.linux.security_context";

/**
 * The profile's name, undefined for none. A request without one gets the default where the kernel
 * has AppArmor; a privileged container has none but a profile that it names.
 *
 * @throws CriError failedPrecondition when the kernel has no AppArmor or not the default profile,
 *   invalidArgument for a profile of the request that isn't loaded
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
    if (context?.privileged === true) return undefined;
    if (loaded.has(DEFAULT_APPARMOR_PROFILE)) return DEFAULT_APPARMOR_PROFILE;
    if (wanted === undefined) return undefined;
    throw new CriError("failedPrecondition", `${CONTEXT}.apparmor: no default profile is loaded`, {
      remedy: "install apparmor_parser and restart the daemon, or ask for Unconfined",
    });
  }
  if (loaded.has(wanted.name)) return wanted.name;
  throw invalidArgument(
    `${CONTEXT}.apparmor.localhost_ref`,
    `no profile ${JSON.stringify(wanted.name)} is loaded on this node`,
  );
}
