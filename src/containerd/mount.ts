/** A mount as containerd's snapshotters describe it and its shims take it. */

export interface Mount {
  /** File system type: `overlay`, `bind`, … */
  type: string;
  source: string;
  /** Folder under the mount's root, "" for the root itself. */
  target: string;
  options: string[];
}
