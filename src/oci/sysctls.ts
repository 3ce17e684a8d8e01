/** Sysctls of a pod: those of namespaces that are its own, and nothing else of the kernel. */
import { invalidArgument } from "../base/errors.ts";
import type { PodNamespaces } from "./namespaces.ts";

const FIELD = "config.linux.sysctls";

/** Parts joined by one dot or slash: no empty part and no `..` gets through. */
const NAME = /^([A-Za-z0-9_-]+[./])+[A-Za-z0-9_-]+$/;

/** Sysctls of the IPC namespace that lie among others in kernel (ipc_namespaces(7)). */
const IPC_NAMES: ReadonlySet<string> = new Set([
  "kernel.msgmax",
  "kernel.msgmnb",
  "kernel.msgmni",
  "kernel.sem",
  "kernel.shmall",
  "kernel.shmmax",
  "kernel.shmmni",
  "kernel.shm_rmid_forced",
]);

/** Ports below 1024 and ICMP echo are harmless in a network of one's own; images count on them. */
const PORT_START = "net.ipv4.ip_unprivileged_port_start";
const PING_GROUPS = "net.ipv4.ping_group_range";

export interface SysctlFacts {
  readonly namespaces: PodNamespaces;
  /** The node itself runs in a user namespace. */
  readonly inUserNamespace: boolean;
}

/**
 * The sysctls of a pod, with dots between the parts of their names, and the defaults that it
 * doesn't set itself.
 *
 * @throws CriError invalidArgument for one that isn't of the pod's own namespaces, and for values
 *   that could be read as more than a value (CVE-2022-0811)
 */
export function podSysctls(
  asked: ReadonlyMap<string, string>,
  facts: SysctlFacts,
): Record<string, string> {
  const { namespaces } = facts;
  const sysctls = new Map<string, string>();
  if (namespaces.network) {
    sysctls.set(PORT_START, "0");
    // The range is refused where its groups aren't all mapped.
    if (!namespaces.user && !facts.inUserNamespace) sysctls.set(PING_GROUPS, "0 2147483647");
  }
  for (const [written, value] of asked) {
    const field = `${FIELD}[${JSON.stringify(written)}]`;
    if (!NAME.test(written)) throw invalidArgument(field, "is not the name of a sysctl");
    // deno-lint-ignore no-control-regex -- line ends and their like are what it looks for
    if (/[+=\x00-\x08\x0a-\x1f\x7f]/.test(value)) {
      throw invalidArgument(field, "its value has a +, = or control character");
    }
    const name = dotted(written);
    checkNamespaced(field, name, namespaces);
    sysctls.set(name, value);
  }
  return Object.fromEntries([...sysctls].sort(([a], [b]) => a < b ? -1 : 1));
}

/** In names that begin with a slash for separator, dots are part of interface names (sysctl(8)). */
function dotted(name: string): string {
  const first = name.match(/[./]/)?.[0];
  if (first !== "/") return name;
  return name.replace(/[./]/g, (separator) => separator === "/" ? "." : "/");
}

function checkNamespaced(field: string, name: string, namespaces: PodNamespaces): void {
  if (name.startsWith("net.")) {
    if (namespaces.network) return;
    throw invalidArgument(field, "is the node's: the pod is on the node's network");
  }
  if (IPC_NAMES.has(name) || name.startsWith("fs.mqueue.")) {
    if (namespaces.ipc) return;
    throw invalidArgument(field, "is the node's: the pod uses the node's IPC");
  }
  if (name === "kernel.domainname") {
    if (namespaces.uts) return;
    throw invalidArgument(field, "is the node's: the pod is on the node's network");
  }
  if (name === "kernel.hostname") throw invalidArgument(field, "is for config.hostname to set");
  throw invalidArgument(field, "is not of a namespace: it would change the whole node");
}
