/** Device nodes in containers, and the cgroup's rules about them. */
import { invalidArgument } from "../base/errors.ts";
import type { Device } from "../gen/cri/v1/api.ts";
import { cleanPath } from "./path.ts";
import type { DeviceRule, SpecDevice } from "./spec.ts";

/** Folders of /dev that belong to others, and the console, which is the runtime's. */
const SKIPPED = new Set([
  "pts",
  "shm",
  "fd",
  "mqueue",
  "console",
  ".lxc",
  ".lxd-mounts",
  ".udev",
]);

/** What lstat(2) says of a device node; Deno.FileInfo has it all. */
export interface DeviceStat {
  readonly isCharDevice: boolean | null;
  readonly isBlockDevice: boolean | null;
  readonly rdev: number | null;
  readonly mode: number | null;
  readonly uid: number | null;
  readonly gid: number | null;
}

export interface DeviceSettings {
  readonly devices: SpecDevice[];
  readonly rules: DeviceRule[];
}

/** Whether a name met on the way through /dev is passed over. */
export function isSkippedDevice(name: string): boolean {
  return SKIPPED.has(name);
}

/** A node as a spec has it; undefined for what is no device. */
export function deviceNode(path: string, stat: DeviceStat): SpecDevice | undefined {
  if (stat.isCharDevice !== true && stat.isBlockDevice !== true) return undefined;
  // gnu_dev_major(3): 12 bits of the major number lie around 8 of the minor, the rest above.
  const number = BigInt(stat.rdev ?? 0);
  return {
    path,
    type: stat.isCharDevice === true ? "c" : "b",
    major: Number(((number >> 8n) & 0xfffn) | ((number >> 32n) & 0xfffff000n)),
    minor: Number((number & 0xffn) | ((number >> 12n) & 0xffffff00n)),
    fileMode: (stat.mode ?? 0) & 0o7777,
    uid: stat.uid ?? 0,
    gid: stat.gid ?? 0,
  };
}

/** The rules of a container without devices: the runtime adds null, zero, tty and their like. */
export function deniedDevices(): DeviceRule[] {
  return [{ allow: false, access: "rwm" }];
}

/**
 * The devices of a container. A device of the request that is a folder gives all nodes below it.
 *
 * @param nodes behind each device of the request, by their host paths
 * @throws CriError invalidArgument when there is no node behind one
 */
export function deviceSettings(
  asked: readonly Device[],
  nodes: readonly (readonly SpecDevice[])[],
  privileged: { hostDevices: readonly SpecDevice[] } | undefined,
): DeviceSettings {
  const devices = new Map<string, SpecDevice>();
  for (const node of privileged?.hostDevices ?? []) devices.set(node.path, { ...node });
  const rules = deniedDevices();
  asked.forEach((device, index) => {
    const behind = nodes[index] ?? [];
    if (behind.length === 0) {
      const path = JSON.stringify(device.hostPath);
      throw invalidArgument(`config.devices[${index}].host_path`, `${path} is not a device`);
    }
    for (const node of behind) {
      const path = containerPath(device, node.path);
      devices.set(path, { ...node, path });
      const access = device.permissions === "" ? "rwm" : device.permissions;
      rules.push({ allow: true, type: node.type, major: node.major, minor: node.minor, access });
    }
  });
  return {
    devices: [...devices.values()],
    rules: privileged === undefined ? rules : [{ allow: true, access: "rwm" }],
  };
}

/** Nodes below a folder keep their place in it. */
function containerPath(device: Device, nodePath: string): string {
  const hostPath = cleanPath(device.hostPath);
  const target = device.containerPath === "" ? hostPath : cleanPath(device.containerPath);
  const below = nodePath.startsWith(`${hostPath}/`) ? nodePath.slice(hostPath.length) : "";
  return `${target === "/" ? "" : target}${below}`;
}
