/** SELinux of containers: labels from the node's policy, a request's wishes and a level of their own. */
import { invalidArgument } from "../base/errors.ts";
import type { SELinuxOption } from "../gen/cri/v1/api.ts";
import type { SelinuxLabels } from "./input.ts";

const FIELD = "config.linux.security_context.selinux_options";

/** Sensitivities and categories, such as s0:c1,c2 or s0-s1:c0.c100. */
const LEVEL = /^s\d(-s\d)?(:c\d{1,4}(\.c\d{1,4})?(,c\d{1,4}(\.c\d{1,4})?)*)?$/;

/** What a policy calls its users, roles and types; nothing that could end an option of a mount. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

/** What a policy says that containers run as and their files are: labels as they stand in its file. */
export interface SelinuxContexts {
  readonly process: string;
  readonly file: string;
}

interface Label {
  readonly user: string;
  readonly role: string;
  readonly type: string;
  /** "" under a policy without levels. */
  readonly level: string;
}

/** @throws CriError invalidArgument for a level that isn't one, or a name that can't be */
export function checkSelinux(options: SELinuxOption | undefined): void {
  if (options === undefined) return;
  for (const field of ["user", "role", "type"] as const) {
    const value = options[field];
    if (value === "" || NAME.test(value)) continue;
    throw invalidArgument(`${FIELD}.${field}`, `${JSON.stringify(value)} is no name in a policy`);
  }
  if (options.level === "" || LEVEL.test(options.level)) return;
  throw invalidArgument(`${FIELD}.level`, `${JSON.stringify(options.level)} is not like s0:c1,c2`);
}

/** Whether a request asks for anything. */
export function asksForSelinux(options: SELinuxOption | undefined): options is SELinuxOption {
  return options !== undefined &&
    [options.user, options.role, options.type, options.level].some((value) => value !== "");
}

/**
 * The labels in a policy's lxc_contexts, lines such as `process = "system_u:system_r:container_t:s0"`;
 * undefined when it has none for containers.
 */
export function parseContexts(text: string): SelinuxContexts | undefined {
  const found = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, key, value] = /^\s*([a-z_]+)\s*=\s*"?([^"]*?)"?\s*$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) found.set(key, value);
  }
  const { process, file } = { process: found.get("process"), file: found.get("file") };
  if (process === undefined || file === undefined) return undefined;
  return parseLabel(process) && parseLabel(file) && { process, file };
}

/** What a process runs as: the policy's label, where the request doesn't say otherwise. */
export function processLabel(
  { process }: SelinuxContexts,
  { options, level }: { options: SELinuxOption | undefined; level: string },
): string {
  const own = parseLabel(process);
  if (own === undefined) return "";
  return formatLabel({
    user: options?.user || own.user,
    role: options?.role || own.role,
    type: options?.type || own.type,
    level: own.level === "" ? "" : level,
  });
}

/** What the files of a process with this label are: the policy's, of its user and on its level. */
export function mountLabel({ process, file }: SelinuxContexts, ofProcess: string): string {
  const [own, files, theirs] = [process, file, ofProcess].map(parseLabel);
  if (own === undefined || files === undefined || theirs === undefined) return "";
  const user = theirs.user === own.user ? files.user : theirs.user;
  return formatLabel({ ...files, user, level: theirs.level });
}

/** The same without categories: a file with it is open to containers of every level. */
export function sharedLabel(ofFile: string): string {
  const label = parseLabel(ofFile);
  if (label === undefined) return "";
  const [sensitivity = ""] = label.level.split(":");
  return formatLabel({ ...label, level: sensitivity });
}

/** The level of a label; "" without one. */
export function levelOf(label: string): string {
  return parseLabel(label)?.level ?? "";
}

/** Mounts whose files all have a label; without one as they are. A level has commas: quotes. */
export function inContext<M extends { readonly options: readonly string[] }>(
  mounts: readonly M[],
  label: string,
): M[] {
  if (label === "") return [...mounts];
  return mounts.map((mount) => ({ ...mount, options: [...mount.options, `context="${label}"`] }));
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

/** A level may have colons of its own. */
function parseLabel(text: string): Label | undefined {
  const [user, role, type, ...level] = text.split(":");
  if (user === undefined || role === undefined || type === undefined) return undefined;
  return { user, role, type, level: level.join(":") };
}

function formatLabel({ user, role, type, level }: Label): string {
  return [user, role, type, ...(level === "" ? [] : [level])].join(":");
}
