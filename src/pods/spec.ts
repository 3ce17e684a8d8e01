/** The runtime spec of a pod's own container, from what the pod asks for and the node is. */
import { runtimeFacts } from "../containers/facts.ts";
import { type ProfileDeps, readSeccompProfile } from "../containers/seccomp_profile.ts";
import { type SelinuxDeps, specLabels } from "../containers/selinux.ts";
import type { Image } from "../images/image.ts";
import type { HostFacts } from "../oci/input.ts";
import { encodeSpec } from "../oci/encode.ts";
import { sandboxSpec } from "../oci/sandbox.ts";
import { podFiles } from "../state/folders.ts";
import type { Sandbox } from "../state/sandboxes.ts";
import { runtimeFor, type Settings } from "../state/settings.ts";

export interface SpecDeps extends ProfileDeps, SelinuxDeps {
  readonly settings: Settings;
  readonly host: HostFacts;
}

/** @throws CriError invalidArgument naming the field that can't be */
export async function encodeSandboxSpec(
  deps: SpecDeps,
  { pod, image }: { pod: Sandbox; image: Image },
): Promise<Uint8Array> {
  const { id, metadata } = pod;
  const runtime = runtimeFor(deps.settings, metadata.runtimeHandler);
  return encodeSpec(sandboxSpec({
    id,
    config: metadata.config,
    image: image.config,
    imageName: image.names[0] ?? image.id,
    netnsPath: metadata.netnsPath,
    files: podFiles(deps.settings, id),
    runtime: runtimeFacts(runtime),
    host: deps.host,
    selinux: specLabels(deps, metadata),
    seccompProfile: await readSeccompProfile(deps, metadata.config.linux?.securityContext),
  }));
}
