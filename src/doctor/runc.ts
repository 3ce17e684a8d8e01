/** Whether runc is one with known ways out of a container. */
import { findingsOf } from "./finding.ts";
import type { Check } from "./node.ts";

/**
 * The first releases of each line without them: masked paths, /dev/console and writes to /proc that
 * could be led elsewhere (CVE-2025-31133, CVE-2025-52565, CVE-2025-52881). Older lines have none.
 */
const MENDED: readonly { readonly line: string; readonly from: number; readonly rc?: number }[] = [
  { line: "1.2", from: 8 },
  { line: "1.3", from: 3 },
  { line: "1.4", from: 0, rc: 3 },
];

export const checkRunc: Check = async (node) => {
  const { ok, warn } = findingsOf("runc");
  const runtimes = [...node.config.containerd.runtimes.values()];
  const names = runtimes.filter(({ type }) => type.split(".").at(-2) === "runc")
    .map(({ options }) => String(options.get("BinaryName") || "runc"));
  const findings = await Promise.all([...new Set(names)].map(async (name) => {
    const found = await node.programVersion(name);
    // Other programs that take runc's place have versions of their own.
    const version = /^runc version (\S+)/.exec(found?.text ?? "")?.[1];
    if (found === undefined || version === undefined) return [];
    if (isMended(version)) return [ok(`${found.path} has no known way out of a container`)];
    return [warn(
      `${found.path} is ${version}, and containers can get out of it unless its distribution has ` +
        "mended it (CVE-2025-31133, CVE-2025-52565, CVE-2025-52881)",
      "install runc 1.2.8, 1.3.3, 1.4.0 or newer, or see the distribution's own advisory",
    )];
  }));
  return findings.flat();
};

/** A version that isn't understood is taken for a new one. */
export function isMended(version: string): boolean {
  const numbers = /^v?(\d+)\.(\d+)\.(\d+)(?:-rc\.?(\d+))?/.exec(version);
  if (numbers === null) return true;
  const [, major = "", minor = "", patch = "", rc] = numbers;
  const line = MENDED.find((one) => one.line === `${major}.${minor}`);
  if (line === undefined) return Number(major) > 1 || Number(minor) > 4;
  if (Number(patch) !== line.from) return Number(patch) > line.from;
  return rc === undefined || Number(rc) >= (line.rc ?? Infinity);
}
