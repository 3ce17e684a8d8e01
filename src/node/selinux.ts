/** The node's SELinux: whether it is on, and what its policy has for containers. */
import { parseContexts, type SelinuxContexts } from "../oci/selinux.ts";

export interface NodeSelinux {
  readonly mode: "off" | "permissive" | "enforcing";
  /** Undefined when the policy has none. */
  readonly contexts: SelinuxContexts | undefined;
}

/** Where the package container-selinux has them; policies of their own have them among theirs. */
const CONTEXTS = "/usr/share/containers/selinux/contexts";

/** @param read gives a file's text, undefined when it isn't there */
export function findSelinux(read: (path: string) => string | undefined): NodeSelinux {
  const enforce = read("/sys/fs/selinux/enforce")?.trim();
  // Without a policy everything runs as the kernel does.
  const own = read("/proc/self/attr/current")?.replace(/\0|\n/g, "") ?? "";
  if (enforce === undefined || own === "" || own === "kernel") {
    return { mode: "off", contexts: undefined };
  }
  const [, type = "targeted"] = /^\s*SELINUXTYPE\s*=\s*([\w-]+)/m.exec(
    read("/etc/selinux/config") ?? "",
  ) ?? [];
  const text = read(CONTEXTS) ?? read(`/etc/selinux/${type}/contexts/lxc_contexts`) ?? "";
  return { mode: enforce === "1" ? "enforcing" : "permissive", contexts: parseContexts(text) };
}
