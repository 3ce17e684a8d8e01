/** What an audit finds: things on the node that belonged to a pod and belong to nobody any more. */

export interface Leftover {
  /** What kind of thing it is, for programs. */
  readonly kind: LeftoverKind;
  /** Which one; with its kind it names the thing, on every look. */
  readonly name: string;
  /** What was found, on which object. */
  readonly text: string;
  /** How to take it away by hand; "" when only {@link remove} can. */
  readonly remedy: string;
  /**
   * Takes it away; gone is done. Missing where somebody has to decide: what can't be read may live.
   *
   * @throws CriError when it stays
   */
  readonly remove?: (signal: AbortSignal) => Promise<void>;
}

export type LeftoverKind =
  | "record"
  | "task"
  | "snapshot"
  | "lease"
  | "shim"
  | "netns"
  | "attachment"
  | "address"
  | "iptables rule"
  | "folder"
  | "runtime state"
  | "cgroup";

/** Looks for one kind of leftover. Whatever it lists, it lists before it asks who is recorded. */
export type Look = () => Promise<(records: Records) => Leftover[]>;

/** Who is recorded in containerd, and so owns what bears their ids. */
export interface Records {
  /** Of all container records of the namespace, other tools' among them. */
  readonly ids: ReadonlySet<string>;
  /** Of the pods alone; a pod whose record can't be read is one too. */
  readonly pods: ReadonlySet<string>;
  /** What the records name as their root file systems. */
  readonly snapshotKeys: ReadonlySet<string>;
  /** Where the pods' network namespaces are pinned. */
  readonly netnsPaths: ReadonlySet<string>;
  /** The cgroups that the pods' own are made in, as their requests name them. */
  readonly cgroupParents: ReadonlySet<string>;
}

/** The form of the ids that the daemon, and containerd's own CRI, give. */
const ID = /^[0-9a-f]{64}$/;

export function isId(name: string): boolean {
  return ID.test(name);
}
