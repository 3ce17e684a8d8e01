/** Places in /proc and /sys that a container can't see, or can't write to. */
import type { LinuxContainerSecurityContext } from "../gen/cri/v1/api.ts";

/** They tell about the node, or reach into it. */
const MASKED = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware",
] as const;

const READONLY = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
] as const;

export interface HiddenPaths {
  maskedPaths: string[];
  readonlyPaths: string[];
}

/**
 * The hidden paths of a container: the request's lists as they are, none when it is privileged.
 *
 * A request without a security context gets the defaults. One with a context but two empty lists
 * gets none: that is how the kubelet asks for `procMount: Unmasked`, as protobuf knows no
 * difference between an empty list and no list.
 */
export function hiddenPaths(context: LinuxContainerSecurityContext | undefined): HiddenPaths {
  if (context === undefined) return defaultHiddenPaths();
  if (context.privileged) return { maskedPaths: [], readonlyPaths: [] };
  return { maskedPaths: [...context.maskedPaths], readonlyPaths: [...context.readonlyPaths] };
}

export function defaultHiddenPaths(): HiddenPaths {
  return { maskedPaths: [...MASKED], readonlyPaths: [...READONLY] };
}
