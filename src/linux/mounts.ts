/** A mount as containerd's snapshotters describe it. */
export interface MountEntry {
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface TmpfsOptions {
  readonly sizeBytes?: bigint;
  readonly mode?: number;
  readonly noexec?: boolean;
  readonly nosuid?: boolean;
  readonly nodev?: boolean;
}
