/** What the daemon may do and how much of it: capabilities, limits, folders, disk, clock. */
import { isKind } from "../base/errors.ts";
import { type Finding, findingsOf } from "./finding.ts";
import { type Check, messageOf, type Node, readText } from "./node.ts";

/** Nothing of the daemon's works without these. */
const NEEDED = ["CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_KILL"];
const MIN_FILES = 65_536;

export const checkCapabilities: Check = (node) => {
  const { ok, warn, fail } = findingsOf("capabilities");
  if (!node.isRoot) {
    return [fail("The doctor doesn't run as root and sees half of the node", "use sudo")];
  }
  const own = node.linux.effectiveCapabilities();
  const missing = NEEDED.filter((name) => !own.has(name));
  if (missing.length > 0) {
    return [fail(
      `Root lacks ${missing.join(", ")} here`,
      "run the daemon on the node itself, or in a privileged container",
    )];
  }
  const resource = own.has("CAP_SYS_RESOURCE") ? ok("All capabilities are there") : warn(
    "CAP_SYS_RESOURCE is missing: containers can't have an oom_score_adj below the daemon's",
    "give it to the container or the service that this runs in",
  );
  return [resource];
};

export const checkLimits: Check = (node) => {
  const { ok, warn } = findingsOf("limits");
  const limits = readText(node, "/proc/self/limits");
  const files = /^Max open files\s+(\d+|unlimited)\s+(\d+|unlimited)/m.exec(limits)?.[2] ?? "0";
  const enough = files === "unlimited" || Number(files) >= MIN_FILES;
  return [
    enough ? ok(`${files} open files are allowed`) : warn(
      `Only ${files} open files are allowed, and each container takes several`,
      "LimitNOFILE=1048576 in the service",
    ),
  ];
};

/** Below this share the kubelet begins to evict pods. */
const MIN_FREE = 0.1;

export const checkDisk: Check = async (node) => {
  const { config } = node;
  const folders = [config.root, config.state, ...config.logs.dirs];
  const findings = await Promise.all(folders.map(async (folder) => {
    const why = node.isRoot ? await node.whyNotWritable(folder) : undefined;
    const { fail } = findingsOf("folders");
    if (why === undefined) return space(node, folder);
    return [fail(
      `The folder ${folder} can't be written to: ${why}`,
      "mount a writable file system there, or name another folder in the configuration",
    )];
  }));
  return findings.flat();
};

function space({ linux }: Node, folder: string): Finding[] {
  const { ok, warn, fail } = findingsOf("disk");
  let found: ReturnType<typeof linux.statfs>;
  try {
    found = linux.statfs(existing(linux, folder));
  } catch (error) {
    return [fail(`The disk of ${folder} can't be looked at: ${messageOf(error)}`, "mount it")];
  }
  const shares = [
    ["space", Number(found.availableBytes) / Number(found.totalBytes || 1n)],
    // Some file systems make inodes as they are needed, and say 0.
    ["inodes", found.inodes === 0n ? 1 : Number(found.freeInodes) / Number(found.inodes)],
  ] as const;
  return shares.map(([what, share]) => {
    const percent = `${Math.floor(share * 100)} %`;
    if (share >= MIN_FREE) return ok(`${percent} of the ${what} of ${folder} is free`);
    const text = `Only ${percent} of the ${what} of ${folder} is free`;
    const remedy = "remove images (`crictl rmi --prune`) and old logs, or give it a larger disk";
    return share < MIN_FREE / 5 ? fail(text, remedy) : warn(text, remedy);
  });
}

/** The folder, or the one above it that is there: the daemon makes those that are missing. */
function existing(linux: Node["linux"], folder: string): string {
  for (let path = folder; path !== ""; path = path.slice(0, path.lastIndexOf("/"))) {
    try {
      linux.statfs(path);
      return path;
    } catch (error) {
      if (!isKind(error, "notFound")) throw error;
    }
  }
  return "/";
}

/** Certificates of registries are from a time that a clock without a battery doesn't know. */
const EARLIEST_YEAR = 2025;
const LATEST_YEAR = 2100;

export const checkClock: Check = async (node) => {
  const { ok, warn, fail } = findingsOf("clock");
  const now = node.now();
  const year = now.getUTCFullYear();
  if (year < EARLIEST_YEAR || year > LATEST_YEAR) {
    return [fail(
      `The clock says ${now.toISOString()}: certificates won't be valid`,
      "set it (`date -s`), and see to NTP",
    )];
  }
  const isSynchronised = await node.stat("/run/systemd/timesync/synchronized") !== undefined;
  const hasDaemon = processes(node).some(({ name }) => /^(?:chronyd|ntpd|ptp4l)$/.test(name));
  return [
    isSynchronised || hasDaemon ? ok(`The clock is kept: ${now.toISOString()}`) : warn(
      `Nothing seems to keep the clock, which says ${now.toISOString()}`,
      "enable systemd-timesyncd, chrony or ntpd; on a node without any network this is as it is",
    ),
  ];
};

export interface Process {
  readonly pid: string;
  readonly name: string;
  readonly args: readonly string[];
}

/** All processes that can be seen. */
export function processes({ linux }: Pick<Node, "linux">): Process[] {
  const pids = linux.listFolder("/proc").filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    const [path = "", ...args] = (linux.readFileIfAny(`/proc/${pid}/cmdline`) ?? "").split("\0");
    const name = path.split("/").at(-1) ?? "";
    return name === "" ? [] : [{ pid, name, args: args.filter((arg) => arg !== "") }];
  });
}
