export interface FileSystemSpace {
  readonly totalBytes: bigint;
  readonly freeBytes: bigint;
  /** What users other than root may take. */
  readonly availableBytes: bigint;
  readonly inodes: bigint;
  readonly freeInodes: bigint;
}
