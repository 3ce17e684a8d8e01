/** Capabilities of a container's process. */
import { invalidArgument } from "../base/errors.ts";
import type { LinuxContainerSecurityContext } from "../gen/cri/v1/api.ts";
import type { Capabilities } from "./spec.ts";

/** Every capability in the kernel's order (capability.h), without the CAP_ in front. */
const KNOWN = names(`
  CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE
  NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO
  SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG
  MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM
  BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
`);

/** What a container holds unless it drops it: the set that images have relied on since Docker. */
const DEFAULT = names(`
  CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE
  SYS_CHROOT KILL AUDIT_WRITE
`);

const FIELD = "config.linux.security_context.capabilities";

/**
 * The sets of a container's process. ALL counts before single names: add ALL, drop CHOWN is all
 * but CHOWN; drop ALL, add CHOWN is CHOWN alone.
 *
 * The inheritable set stays empty (CVE-2022-24769), but for what ambient capabilities need of it.
 *
 * @param held names with CAP_ of what the runtime can hand on
 * @throws CriError invalidArgument for a name that is no capability
 */
export function capabilitySets(
  context: LinuxContainerSecurityContext | undefined,
  held: ReadonlySet<string>,
): Capabilities {
  if (context?.privileged === true) return sets(held, []);
  const { addCapabilities = [], dropCapabilities = [], addAmbientCapabilities = [] } =
    context?.capabilities ?? {};
  const add = wished("add_capabilities", addCapabilities, held);
  const drop = wished("drop_capabilities", dropCapabilities, held);
  const ambient = wished("add_ambient_capabilities", addAmbientCapabilities, held);
  const addsAll = add.all || ambient.all;
  // What the node has lost itself can't be given, and nobody asked for the defaults by name.
  const base = drop.all ? [] : addsAll ? held : DEFAULT.filter((name) => held.has(name));
  const granted = new Set([...base, ...add.names, ...ambient.names]);
  for (const name of drop.names) granted.delete(name);
  const inherited = ambient.all ? granted : new Set(ambient.names);
  return sets(granted, [...inherited].filter((name) => granted.has(name)));
}

/** The sets of a process that needs none. */
export function noCapabilities(): Capabilities {
  return sets([], []);
}

function sets(granted: Iterable<string>, inherited: readonly string[]): Capabilities {
  const sorted = inKernelOrder(granted);
  return {
    bounding: [...sorted],
    effective: [...sorted],
    permitted: [...sorted],
    inheritable: inKernelOrder(inherited),
    ambient: inKernelOrder(inherited),
  };
}

/** One order for equal sets, whatever the order of the request. */
function inKernelOrder(granted: Iterable<string>): string[] {
  const set = new Set(granted);
  const known = KNOWN.filter((name) => set.delete(name));
  return [...known, ...[...set].sort()];
}

function wished(
  list: string,
  asked: readonly string[],
  held: ReadonlySet<string>,
): { all: boolean; names: string[] } {
  const upper = asked.map((name) => name.toUpperCase());
  return {
    all: upper.includes("ALL"),
    names: upper.flatMap((text, index) => {
      if (text === "ALL") return [];
      const name = text.startsWith("CAP_") ? text : `CAP_${text}`;
      // A kernel newer than this list may have more than it names.
      if (KNOWN.includes(name) || held.has(name)) return [name];
      throw invalidArgument(
        `${FIELD}.${list}[${index}]`,
        `${shown(asked[index])} is no capability`,
      );
    }),
  };
}

function shown(text = ""): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

function names(text: string): readonly string[] {
  return text.trim().split(/\s+/).map((name) => `CAP_${name}`);
}
