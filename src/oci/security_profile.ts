/** Which seccomp or AppArmor profile a request asks for, in its present and its old form. */
import { invalidArgument } from "../base/errors.ts";
import { type SecurityProfile, SecurityProfile_ProfileType as Type } from "../gen/cri/v1/api.ts";

export type WantedProfile =
  | { readonly kind: "default" }
  | { readonly kind: "unconfined" }
  /** A file's path for seccomp, a loaded profile's name for AppArmor. */
  | { readonly kind: "localhost"; readonly name: string };

const LOCALHOST = "localhost/";

export interface AskedProfile {
  /** The field's path, such as config.linux.security_context.seccomp. */
  readonly field: string;
  readonly profile: SecurityProfile | undefined;
  /** The text that clients older than Kubernetes 1.19 and 1.24 send. */
  readonly oldField: string;
  readonly oldText: string;
}

/**
 * The profile asked for; undefined when none is.
 *
 * @throws CriError invalidArgument for unknown types and for references that can't be
 */
export function wantedProfile(asked: AskedProfile): WantedProfile | undefined {
  const { field, profile } = asked;
  if (profile === undefined) return oldProfile(asked);
  if (profile.profileType !== Type.Localhost && profile.localhostRef !== "") {
    throw invalidArgument(`${field}.localhost_ref`, "is for profiles of type Localhost alone");
  }
  switch (profile.profileType) {
    case Type.RuntimeDefault:
      return { kind: "default" };
    case Type.Unconfined:
      return { kind: "unconfined" };
    case Type.Localhost:
      return localhost(`${field}.localhost_ref`, profile.localhostRef);
    default:
      throw invalidArgument(`${field}.profile_type`, "is not a type of profile");
  }
}

function oldProfile({ oldField, oldText }: AskedProfile): WantedProfile | undefined {
  switch (oldText) {
    case "":
      return undefined;
    case "runtime/default":
    case "docker/default":
      return { kind: "default" };
    case "unconfined":
      return { kind: "unconfined" };
    default:
      if (oldText.startsWith(LOCALHOST)) return localhost(oldField, oldText);
      throw invalidArgument(oldField, `${JSON.stringify(oldText)} is not a profile`);
  }
}

function localhost(field: string, reference: string): WantedProfile {
  const name = reference.startsWith(LOCALHOST) ? reference.slice(LOCALHOST.length) : reference;
  if (name === "") throw invalidArgument(field, "is missing");
  return { kind: "localhost", name };
}
