/**
 * The default AppArmor profile of containers, as text for the kernel's parser: what a container's own
 * namespaces hold may be used, what reaches into the node may not. It comes on top of read-only and
 * masked paths, for a process that found a way around those.
 */

/** Its name in the kernel, containerd's, so that a node can move between the two. */
export const DEFAULT_APPARMOR_PROFILE = "cri-containerd.apparmor.d";

/** Writing, linking, locking and executing. */
const CHANGE = "wklx";
const ANY = "rwklx";

const RULES = [
  "network",
  "capability",
  "file",
  "umount",
  // The runtime ends containers, and so does the node's root; their processes end each other.
  "signal (receive) peer=unconfined",
  "signal (receive) peer=runc",
  "signal (receive) peer=crun",
  `signal (send, receive) peer=${DEFAULT_APPARMOR_PROFILE}`,
  `ptrace (trace, read, tracedby, readby) peer=${DEFAULT_APPARMOR_PROFILE}`,
  "deny mount",
  "deny pivot_root",
  `deny @{PROC}/{acpi,asound,bus,driver,fs,irq,scsi,tty}/** ${CHANGE}`,
  `deny @{PROC}/{kcore,kmem,mem,kallsyms,keys,timer_list,sysrq-trigger} ${ANY}`,
  `deny @{PROC}/sys/{abi,crypto,debug,dev,fs,sunrpc,user,vm}/** ${CHANGE}`,
  // Of the kernel's own settings those of messages, semaphores and shared memory are a pod's.
  `deny @{PROC}/sys/kernel/{[^ms],m[^s],s[^eh]}** ${CHANGE}`,
  `deny /sys/{block,bus,class,dev,devices,hypervisor,kernel,module,power}/** ${CHANGE}`,
  `deny /sys/fs/[^c]** ${CHANGE}`,
  `deny /sys/{firmware,kernel/security,devices/virtual/powercap}/** ${ANY}`,
];

/** The profile's text. */
export function defaultApparmorProfile(): string {
  const rules = RULES.map((rule) => `  ${rule},`).join("\n");
  return `#include <tunables/global>

profile ${DEFAULT_APPARMOR_PROFILE} flags=(attach_disconnected, mediate_deleted) {
  #include <abstractions/base>
${rules}
}
`;
}
