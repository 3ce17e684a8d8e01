/** User namespaces of pods: ids inside are others outside. */
import { invalidArgument } from "../base/errors.ts";
import {
  type IDMapping,
  NamespaceMode,
  type NamespaceOption,
  type UserNamespace,
} from "../gen/cri/v1/api.ts";
import type { IdMapping } from "./spec.ts";
import type { User } from "./user.ts";

const CONTEXT = "config.linux.security_context";
const FIELD = `${CONTEXT}.namespace_options.userns_options`;
const MAX_UINT32 = 2 ** 32 - 1;

export interface UserMappings {
  readonly uids: readonly IdMapping[];
  readonly gids: readonly IdMapping[];
}

/**
 * The mappings of a pod with a user namespace of its own, undefined for one in the node's.
 *
 * @throws CriError invalidArgument for modes and mappings that a pod can't have
 */
export function userMappings(options: NamespaceOption | undefined): UserMappings | undefined {
  const userns = options?.usernsOptions;
  if (userns === undefined) return undefined;
  switch (userns.mode) {
    case NamespaceMode.NODE:
      if (userns.uids.length === 0 && userns.gids.length === 0) return undefined;
      throw invalidArgument(FIELD, "has mappings, which mode NODE has no use for");
    case NamespaceMode.POD:
      return {
        uids: [onlyMapping(`${FIELD}.uids`, userns.uids)],
        gids: [onlyMapping(`${FIELD}.gids`, userns.gids)],
      };
    default:
      throw invalidArgument(`${FIELD}.mode`, "is neither POD nor NODE");
  }
}

/** Snapshots are remapped by one range, and root has to be in it. */
function onlyMapping(field: string, mappings: readonly IDMapping[]): IdMapping {
  const [mapping] = mappings;
  if (mapping === undefined || mappings.length > 1) {
    throw invalidArgument(field, `has ${mappings.length} mappings, one is allowed`);
  }
  const { containerId, hostId, length } = mapping;
  if (containerId !== 0) {
    throw invalidArgument(`${field}[0].container_id`, `${containerId} is not 0`);
  }
  if (length < 1) throw invalidArgument(`${field}[0].length`, `${length} is not above 0`);
  if (hostId + length - 1 > MAX_UINT32) {
    throw invalidArgument(`${field}[0]`, "reaches past the last id that there is");
  }
  return toSpecMapping(mapping);
}

/** A mapping of a request as it stands in a spec. */
export function toSpecMapping({ containerId, hostId, length }: IDMapping): IdMapping {
  return { containerID: containerId, hostID: hostId, size: length };
}

/** @throws CriError invalidArgument unless container and pod agree; no wish at all agrees */
export function checkSameUserNamespace(
  container: NamespaceOption | undefined,
  pod: NamespaceOption | undefined,
): void {
  const [asked, given] = [container?.usernsOptions, pod?.usernsOptions];
  if (asked === undefined || sameRanges(asked, given)) return;
  throw invalidArgument(FIELD, "differs from the pod's");
}

function sameRanges(asked: UserNamespace, given: UserNamespace | undefined): boolean {
  if (given === undefined) return asked.mode === NamespaceMode.NODE && asked.uids.length === 0;
  return asked.mode === given.mode && sameList(asked.uids, given.uids) &&
    sameList(asked.gids, given.gids);
}

function sameList(a: readonly IDMapping[], b: readonly IDMapping[]): boolean {
  return a.length === b.length && a.every((one, index) => {
    const other = b[index];
    return one.containerId === other?.containerId && one.hostId === other.hostId &&
      one.length === other.length;
  });
}

/** @throws CriError invalidArgument for a user or group that has no id in the namespace */
export function checkMapped(user: User, mappings: UserMappings | undefined): void {
  if (mappings === undefined) return;
  checkInRange(`${CONTEXT}.run_as_user`, user.uid, mappings.uids);
  for (const gid of [user.gid, ...user.additionalGids]) {
    checkInRange(`${CONTEXT}.supplemental_groups`, gid, mappings.gids);
  }
}

function checkInRange(field: string, id: number, mappings: readonly IdMapping[]): void {
  const end = mappings[0]?.size ?? 0;
  if (id < end) return;
  throw invalidArgument(
    field,
    `${id} is not in the pod's user namespace, which ends at ${end - 1}`,
  );
}
