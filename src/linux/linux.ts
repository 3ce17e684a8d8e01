/** What the server compartment gets from the kernel. Fakes stand in for it in tests. */
import type { MountEntry, TmpfsOptions } from "./mounts.ts";
import type { FileSystemSpace } from "./statfs.ts";

export interface Linux {
  /**
   * Makes a network namespace with its loopback up and pins it at a path; missing folders are made.
   * On failure nothing is left.
   *
   * @throws CriError; {@link NamespaceLost} when the thread can't return to the node's namespace
   */
  pinNetns(path: string): void;
  /** Takes the pin and its file away; gone is done. */
  unpinNetns(path: string): void;
  /** Whether a path is a pinned namespace now. */
  isNetns(path: string): boolean;
  mountTmpfs(target: string, options?: TmpfsOptions): void;
  bindMount(source: string, target: string, options?: BindOptions): void;
  /** Mounts as containerd's snapshotters describe them, one over the other. Undone on failure. */
  mountAll(mounts: readonly MountEntry[], target: string): void;
  /** Takes every mount at the path away (lazily); not mounted, or no such path, is done. */
  unmount(path: string): void;
  /** Mount points at or below a path, the deepest last. */
  mountsUnder(prefix: string): string[];
  /** @throws CriError notFound for a path that isn't there */
  statfs(path: string): FileSystemSpace;
  /** Names such as CAP_SYS_ADMIN. */
  effectiveCapabilities(): Set<string>;
  /** A file as text; the way to /proc, /sys and /dev, which Deno doesn't open to a compartment. */
  readFile(path: string, maxBytes?: number): string;
  /**
   * A regular file below a root, with links followed inside that root only; undefined when there
   * is none.
   *
   * @throws CriError resourceExhausted for a file over `maxBytes`
   */
  readInRoot(root: string, path: string, maxBytes: number): Promise<string | undefined>;
}

export interface BindOptions {
  readonly readonly?: boolean;
  readonly recursive?: boolean;
}
