/** SELinux of a container. Its labels are allotted by the caller, who knows which are in use. */
import { invalidArgument } from "../base/errors.ts";
import type { SELinuxOption } from "../gen/cri/v1/api.ts";
import type { SelinuxLabels } from "./input.ts";

const FIELD = "config.linux.security_context.selinux_options";

/** Sensitivities and categories, such as s0:c1,c2 or s0-s1:c0.c100. */
const LEVEL = /^s\d(-s\d)?(:c\d{1,4}(\.c\d{1,4})?(,c\d{1,4}(\.c\d{1,4})?)*)?$/;

/** @throws CriError invalidArgument for a level that isn't one */
export function checkSelinux(options: SELinuxOption | undefined): void {
  const level = options?.level ?? "";
  if (level === "" || LEVEL.test(level)) return;
  throw invalidArgument(`${FIELD}.level`, `${JSON.stringify(level)} is not like s0:c1,c2`);
}

/** The labels as a spec has them; a privileged process has none, its files keep theirs. */
export function selinuxOfSpec(
  labels: SelinuxLabels | undefined,
  isPrivileged: boolean,
): { selinuxLabel: string | undefined; mountLabel: string | undefined } {
  return {
    selinuxLabel: isPrivileged || labels?.process === "" ? undefined : labels?.process,
    mountLabel: labels?.mount === "" ? undefined : labels?.mount,
  };
}
