/** What an audit of the node gets from the kernel beside what the daemon itself does. */
import { cgroupMounts, emptyCgroups } from "./cgroups.ts";
import { listFolder, readFile, readLink } from "./files.ts";
import { openLibc, revokeFfi } from "./libc.ts";
import { type Linux, linuxOn } from "./linux.ts";
import { endShim, type Shim, shimsOf } from "./shims.ts";
import { SERVER_SYMBOLS } from "./symbols.ts";

export interface LinuxAudit extends Linux {
  /** The shims of the containerd at this address. */
  shimsOf(address: string): Shim[];
  /** Kills a shim with the processes that it holds. */
  endShim(pid: number): void;
  /** The network namespaces that processes are in, as the kernel numbers them. */
  usedNetns(): Set<number>;
  /** Cgroups with a fitting name and no process, as {@link Linux.removeCgroup} takes them. */
  emptyCgroups(isName: (name: string) => boolean): string[];
}

/** Opens libc and gives the permission for foreign libraries up. */
export function openLinuxAudit(): LinuxAudit {
  const libc = openLibc(SERVER_SYMBOLS);
  revokeFfi();
  return {
    ...linuxOn(libc),
    shimsOf: (address) => shimsOf(libc, address),
    endShim: (pid) => endShim(libc, pid),
    usedNetns: () => {
      const pids = listFolder(libc, "/proc").filter((name) => /^\d+$/.test(name));
      return new Set(pids.flatMap((pid) => {
        const link = /^net:\[(\d+)\]$/.exec(readLink(libc, `/proc/${pid}/ns/net`) ?? "");
        return link === null ? [] : [Number(link[1])];
      }));
    },
    emptyCgroups: (isName) => {
      const mounts = cgroupMounts(readFile(libc, "/proc/self/mountinfo"));
      return emptyCgroups(libc, { mounts, isName });
    },
  };
}
