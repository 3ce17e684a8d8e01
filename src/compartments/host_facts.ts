/** What the node can do, found out once at start. Specs are built from it without further looks. */
import { isKind } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import type { Linux } from "../linux/linux.ts";
import type { Arch, HostFacts } from "../oci/input.ts";
import type { Settings } from "../state/settings.ts";

const log = logger("server");

type Reader = Pick<Linux, "readFile" | "effectiveCapabilities" | "devices">;

export function hostFacts(linux: Reader, settings: Pick<Settings, "cgroupDriver">): HostFacts {
  const capabilities = linux.effectiveCapabilities();
  const mounts = readOr(linux, "/proc/self/mounts", "").split("\n").map((line) => line.split(" "));
  const unified = mounts.find(([, path, type]) => path === "/sys/fs/cgroup" && type === "cgroup2");
  const cgroupVersion = unified === undefined ? 1 : 2;
  return {
    cgroupVersion,
    cgroupDriver: settings.cgroupDriver,
    capabilities,
    arch: archOf(Deno.build.arch),
    kernelRelease: readOr(linux, "/proc/sys/kernel/osrelease", "").trim(),
    seccomp: /^Seccomp:/m.test(readOr(linux, "/proc/self/status", "")),
    // Administrators load and unload theirs while the daemon runs.
    get apparmorProfiles() {
      return apparmorProfiles(linux);
    },
    oomScoreAdjMin: oomScoreAdjMin(linux, capabilities),
    hugetlb: hasHugetlb(linux, { cgroupVersion, mounts }),
    swapAccounting: hasSwapAccounting(linux, cgroupVersion),
    inUserNamespace: !/^\s*0\s+0\s+4294967295\s*$/.test(readOr(linux, "/proc/self/uid_map", "")),
    cgroupMountOptions: unified?.[3]?.split(",") ?? [],
    devices: linux.devices(),
  };
}

/** The name that pods on the node's network have. */
export function nodeHostname(linux: Pick<Linux, "readFile">): string {
  return linux.readFile("/proc/sys/kernel/hostname").trim();
}

/** systemd makes this folder when it runs the node (sd_booted(3)). */
export function isSystemdNode(): boolean {
  try {
    return Deno.statSync("/run/systemd/system").isDirectory;
  } catch {
    return false;
  }
}

/** Without CAP_SYS_RESOURCE nobody may go below the value that the process itself was given. */
function oomScoreAdjMin(linux: Reader, capabilities: ReadonlySet<string>): number {
  if (capabilities.has("CAP_SYS_RESOURCE")) return -1000;
  const own = Number(readOr(linux, "/proc/self/oom_score_adj", "0"));
  log.warn(
    "CAP_SYS_RESOURCE is missing: containers that ask for an oom_score_adj below {own} get {own}",
    { own },
  );
  return own;
}

function apparmorProfiles(linux: Reader): ReadonlySet<string> | undefined {
  if (!readOr(linux, "/sys/module/apparmor/parameters/enabled", "").startsWith("Y")) {
    return undefined;
  }
  const lines = readOr(linux, "/sys/kernel/security/apparmor/profiles", "").split("\n");
  return new Set(lines.map((line) => line.replace(/ \(\w+\)$/, "")).filter((name) => name !== ""));
}

/** A controller of v1 that the kernel has is of no use unless it is mounted. */
function hasHugetlb(
  linux: Reader,
  { cgroupVersion, mounts }: { cgroupVersion: 1 | 2; mounts: readonly string[][] },
): boolean {
  if (cgroupVersion === 2) {
    return readOr(linux, "/sys/fs/cgroup/cgroup.controllers", "").split(/\s+/).includes("hugetlb");
  }
  return mounts.some(([, , type, options = ""]) =>
    type === "cgroup" && options.split(",").includes("hugetlb")
  );
}

function hasSwapAccounting(linux: Reader, cgroupVersion: 1 | 2): boolean {
  if (cgroupVersion === 2) return readOr(linux, "/proc/swaps", "") !== "";
  const file = "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes";
  return readOr(linux, file, "") !== "";
}

function readOr(linux: Pick<Linux, "readFile">, path: string, otherwise: string): string {
  try {
    return linux.readFile(path);
  } catch (error) {
    if (isKind(error, "notFound", "permissionDenied", "internal")) return otherwise;
    throw error;
  }
}

function archOf(arch: typeof Deno.build.arch): Arch {
  return arch;
}
