/** The limits of a process's cgroup as the kernel has them, in cgroup v1 and v2. */

const ROOT = "/sys/fs/cgroup";

/** By what is limited: the controller and file of v1, the file of v2. */
const FILES = {
  memory: { controller: "memory", v1: "memory.limit_in_bytes", v2: "memory.max" },
  swap: { controller: "memory", v1: "memory.memsw.limit_in_bytes", v2: "memory.swap.max" },
  cpuShares: { controller: "cpu", v1: "cpu.shares", v2: "cpu.weight" },
  cpuQuota: { controller: "cpu", v1: "cpu.cfs_quota_us", v2: "cpu.max" },
  cpus: { controller: "cpuset", v1: "cpuset.cpus", v2: "cpuset.cpus" },
  pids: { controller: "pids", v1: "pids.max", v2: "pids.max" },
} as const;

export type Limit = keyof typeof FILES;

/** Whether the node has cgroup v2 alone. */
export async function isCgroupV2(): Promise<boolean> {
  try {
    return (await Deno.stat(`${ROOT}/cgroup.controllers`)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A limit's text; undefined where the kernel has no such file. */
export async function limitOf(pid: number, limit: Limit): Promise<string | undefined> {
  const { controller, v1, v2 } = FILES[limit];
  const path = await isCgroupV2()
    ? `${ROOT}${await cgroupOf(pid, "")}/${v2}`
    : `${ROOT}/${controller}${await cgroupOf(pid, controller)}/${v1}`;
  try {
    return (await Deno.readTextFile(path)).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The path of a process's cgroup; "" for the controller is v2's only hierarchy. */
async function cgroupOf(pid: number, controller: string): Promise<string> {
  const lines = (await Deno.readTextFile(`/proc/${pid}/cgroup`)).split("\n");
  for (const line of lines) {
    const [, names = "", path = ""] = line.split(":");
    if (names.split(",").includes(controller)) return path;
  }
  throw new Error(`process ${pid} is in no cgroup of ${controller}`);
}
