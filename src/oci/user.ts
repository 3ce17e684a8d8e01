/** Who a container runs as: the request's wish, else the image's, by the image's accounts. */
import { CriError, invalidArgument } from "../base/errors.ts";
import {
  type Int64Value,
  type LinuxContainerSecurityContext,
  type LinuxSandboxSecurityContext,
  SupplementalGroupsPolicy,
} from "../gen/cri/v1/api.ts";
import { type Account, findAccount, findGroup, groupsOf } from "./accounts.ts";

/** Above it runtimes and kernels disagree, and 32-bit arithmetic wraps to root (CVE-2024-40635). */
const MAX_ID = 2n ** 31n - 1n;

const CONTEXT = "config.linux.security_context";

/** Texts of an image's /etc/passwd and /etc/group, "" where it has none. */
export interface Accounts {
  readonly passwd: string;
  readonly group: string;
}

export interface User {
  readonly uid: number;
  readonly gid: number;
  /** Sorted, the primary group among them. */
  readonly additionalGids: readonly number[];
}

/** A user as wished for, not looked up yet. */
export interface WantedUser {
  /** Name or number. */
  readonly user: string;
  /** Name or number; undefined takes the user's own group. */
  readonly group: string | undefined;
  readonly supplementalGroups: readonly number[];
  /** Whether the groups that /etc/group gives the user are added. */
  readonly mergeGroups: boolean;
  /** Where the wish comes from, for messages. */
  readonly from: { readonly user: string; readonly group: string };
}

type SecurityContext =
  & Pick<
    LinuxSandboxSecurityContext,
    "runAsUser" | "runAsGroup" | "supplementalGroups" | "supplementalGroupsPolicy"
  >
  & Partial<Pick<LinuxContainerSecurityContext, "runAsUsername">>;

/**
 * The user of a container or sandbox by precedence: run_as_username, run_as_user, the image's User,
 * root.
 *
 * @throws CriError invalidArgument for a group without a user, and for ids out of range
 */
export function wantedUser(context: SecurityContext | undefined, imageUser: string): WantedUser {
  const username = context?.runAsUsername ?? "";
  const uid = idField("run_as_user.value", context?.runAsUser);
  const gid = idField("run_as_group.value", context?.runAsGroup);
  if (gid !== undefined && uid === undefined && username === "") {
    throw invalidArgument(`${CONTEXT}.run_as_group`, "needs run_as_user or run_as_username");
  }
  const groups = {
    supplementalGroups: (context?.supplementalGroups ?? []).map((id, index) =>
      checkedId(`${CONTEXT}.supplemental_groups[${index}]`, id)
    ),
    mergeGroups: mergesGroups(context?.supplementalGroupsPolicy),
  };
  if (username === "" && uid === undefined) return { ...imageWish(imageUser), ...groups };
  const field = username === "" ? "run_as_user.value" : "run_as_username";
  return {
    user: username === "" ? String(uid) : username,
    group: gid === undefined ? undefined : String(gid),
    ...groups,
    from: { user: `${CONTEXT}.${field}`, group: `${CONTEXT}.run_as_group.value` },
  };
}

function mergesGroups(policy: SupplementalGroupsPolicy | undefined): boolean {
  switch (policy) {
    case undefined:
    case SupplementalGroupsPolicy.Merge:
      return true;
    case SupplementalGroupsPolicy.Strict:
      return false;
    default:
      throw invalidArgument(
        `${CONTEXT}.supplemental_groups_policy`,
        `${policy} is neither Merge nor Strict`,
      );
  }
}

function imageWish(text: string): Pick<WantedUser, "user" | "group" | "from"> {
  const from = { user: "the image's User", group: "the image's User" };
  const [user = "", group = "", ...rest] = text.split(":");
  if (rest.length > 0) {
    throw invalidArgument(from.user, `${JSON.stringify(text)} is not user or user:group`);
  }
  return { user: user === "" ? "0" : user, group: group === "" ? undefined : group, from };
}

/**
 * The user of a container, looked up in the image's accounts.
 *
 * @throws CriError invalidArgument as {@link wantedUser} and {@link resolveUser} do
 */
export function containerUser(
  context: SecurityContext | undefined,
  imageUser: string,
  { passwd, group }: Accounts,
): User {
  return resolveUser(passwd, group, wantedUser(context, imageUser));
}

/**
 * Looks a user up. A number that /etc/passwd doesn't know runs with group 0; a name must be there.
 *
 * @throws CriError invalidArgument for an unknown name or an id out of range
 */
export function resolveUser(passwd: string, group: string, wanted: WantedUser): User {
  const uid = numericId(wanted.from.user, wanted.user);
  const account = findAccount(passwd, uid ?? wanted.user);
  if (uid === undefined && account === undefined) {
    throw unknownName(wanted.from.user, wanted.user, "/etc/passwd");
  }
  const user = uid ?? checkedId(wanted.from.user, account?.uid ?? 0n);
  const gid = wanted.group === undefined
    ? checkedId(wanted.from.user, account?.gid ?? 0n)
    : resolveGroup(group, wanted.from.group, wanted.group);
  const listed = wanted.mergeGroups ? listedGroups(group, { wanted, account }) : [];
  const gids = new Set([gid, ...listed, ...wanted.supplementalGroups]);
  return { uid: user, gid, additionalGids: [...gids].sort((a, b) => a - b) };
}

function resolveGroup(text: string, field: string, wanted: string): number {
  const number = numericId(field, wanted);
  if (number !== undefined) return number;
  const gid = findGroup(text, wanted);
  if (gid === undefined) throw unknownName(field, wanted, "/etc/group");
  return checkedId(field, gid);
}

function listedGroups(
  text: string,
  { wanted, account }: { wanted: WantedUser; account: Account | undefined },
): number[] {
  if (account === undefined) return [];
  return groupsOf(text, account.name).map((gid) => checkedId(wanted.from.user, gid));
}

/** The number that a text is, undefined for a name. "0x0" is a name: nothing but digits counts. */
function numericId(field: string, text: string): number | undefined {
  return /^[+-]?[0-9]+$/.test(text) ? checkedId(field, parseDecimal(text)) : undefined;
}

function parseDecimal(text: string): bigint {
  // Hostile lengths are out of range anyway, and BigInt takes its time over them.
  const digits = text.replace(/^[+-]?0*/, "").slice(0, 20);
  return BigInt(`${text.startsWith("-") ? "-" : ""}${digits === "" ? "0" : digits}`);
}

function idField(name: string, wrapped: Int64Value | undefined): number | undefined {
  return wrapped === undefined ? undefined : checkedId(`${CONTEXT}.${name}`, wrapped.value);
}

function checkedId(field: string, id: bigint): number {
  if (id >= 0n && id <= MAX_ID) return Number(id);
  throw invalidArgument(field, `${id} is not between 0 and ${MAX_ID}`);
}

function unknownName(field: string, name: string, file: string): CriError {
  const shown = JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
  return invalidArgument(field, `${shown} is not in the image's ${file}`);
}
