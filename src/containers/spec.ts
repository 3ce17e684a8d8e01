/** The runtime spec of a container, from what it asks for, its image, its pod and the node. */
import * as v from "valibot";
import type { LinuxContainerUser } from "../gen/cri/v1/api.ts";
import type { Image } from "../images/image.ts";
import { parseBaseSpec } from "../oci/base_spec.ts";
import { applyCdiEdits } from "../oci/cdi.ts";
import { containerSpec } from "../oci/container.ts";
import { encodeSpec } from "../oci/encode.ts";
import type { HostFacts, MountSource, PodFacts, RuntimeFacts, VolumeSource } from "../oci/input.ts";
import type { SpecDevice } from "../oci/spec.ts";
import { type Accounts, containerUser } from "../oci/user.ts";
import type { Container } from "../state/containers.ts";
import type { BaseSpecFile } from "../state/settings.ts";
import { type CdiDeps, cdiEdits } from "./cdi_devices.ts";
import { type SelinuxDeps, specLabels } from "./selinux.ts";
import { type ProfileDeps, readSeccompProfile } from "./seccomp_profile.ts";

export interface SpecDeps extends CdiDeps, SelinuxDeps {
  readonly host: HostFacts;
  readonly linux: ProfileDeps["linux"] & {
    /** The device node at a path, or those below a folder. */
    devicesAt(path: string): SpecDevice[];
  };
}

/** All that goes into a container's spec. */
export interface SpecPlan {
  readonly container: Pick<Container, "id" | "metadata">;
  readonly pod: PodFacts;
  readonly image: Image;
  readonly accounts: Accounts;
  readonly runtime: RuntimeFacts;
  readonly baseSpec: BaseSpecFile | undefined;
  readonly mountSources: readonly MountSource[];
  readonly volumes: readonly VolumeSource[];
  /** Process of the container that the namespace mode TARGET names. */
  readonly targetPid: number | undefined;
}

export interface BuiltSpec {
  readonly bytes: Uint8Array;
  readonly user: LinuxContainerUser;
}

/** @throws CriError invalidArgument naming the field that can't be */
export async function buildContainerSpec(deps: SpecDeps, plan: SpecPlan): Promise<BuiltSpec> {
  const { container, image, accounts } = plan;
  const { config } = container.metadata;
  const user = containerUser(config.linux?.securityContext, image.config.user, accounts);
  const edits = await cdiEdits(deps, config);
  const spec = containerSpec({
    id: container.id,
    config,
    pod: plan.pod,
    image: image.config,
    imageName: config.image?.userSpecifiedImage || image.names[0] || image.id,
    user,
    targetPid: plan.targetPid,
    mountSources: plan.mountSources,
    volumes: plan.volumes,
    devices: config.devices.map(({ hostPath }) => deps.linux.devicesAt(hostPath)),
    runtime: plan.runtime,
    host: deps.host,
    selinux: specLabels(deps, container.metadata),
    seccompProfile: await readSeccompProfile(deps, config.linux?.securityContext),
  });
  const edited = applyCdiEdits(spec, edits, (path) => deps.linux.devicesAt(path));
  const base = plan.baseSpec && parseBaseSpec(plan.baseSpec);
  return { bytes: encodeSpec(edited, base), user: toCriUser(user) };
}

const storedSpec = v.object({
  process: v.object({
    user: v.object({
      uid: v.optional(v.number(), 0),
      gid: v.optional(v.number(), 0),
      additionalGids: v.nullish(v.array(v.number())),
    }),
  }),
});

/** Whom a stored spec's process runs as; undefined for a spec that can't be read. */
export function userOfSpec(bytes: Uint8Array | undefined): LinuxContainerUser | undefined {
  if (bytes === undefined) return undefined;
  try {
    const { process } = v.parse(storedSpec, JSON.parse(new TextDecoder().decode(bytes)));
    const { uid, gid, additionalGids } = process.user;
    return toCriUser({ uid, gid, additionalGids: additionalGids ?? [] });
  } catch {
    // An empty spec of a container that was only half made, or one in a form of tomorrow.
    return undefined;
  }
}

function toCriUser(
  { uid, gid, additionalGids }: { uid: number; gid: number; additionalGids: readonly number[] },
): LinuxContainerUser {
  return { uid: BigInt(uid), gid: BigInt(gid), supplementalGroups: additionalGids.map(BigInt) };
}
