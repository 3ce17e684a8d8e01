/** Versions of the kernel. */

/** Whether a release such as "6.1.0-18-amd64" is this version or a later one. */
export function isKernelFrom(release: string, [major, minor]: [number, number]): boolean {
  const [, own = "0", ownMinor = "0"] = release.match(/^(\d+)\.(\d+)/) ?? [];
  return Number(own) > major || (Number(own) === major && Number(ownMinor) >= minor);
}
