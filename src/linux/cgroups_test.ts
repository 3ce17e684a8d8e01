import assert from "node:assert/strict";
import { cgroupMounts } from "./cgroups.ts";

Deno.test("cgroupMounts() finds the hierarchies of v1 and v2, and nothing else", () => {
  const mountinfo = `22 1 0:20 / /proc rw,nosuid - proc proc rw
30 22 0:25 / /sys/fs/cgroup rw - tmpfs cgroup rw,mode=755
31 30 0:26 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw
32 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:10 - cgroup cgroup rw,cpu,cpuacct
33 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
`;
  assert.deepEqual(cgroupMounts(mountinfo), [
    "/sys/fs/cgroup/unified",
    "/sys/fs/cgroup/cpu,cpuacct",
    "/sys/fs/cgroup/memory",
  ]);
});
