/** Device nodes of the node, for privileged containers and for devices that a request names. */
import { isKind } from "../base/errors.ts";
import { listFolder } from "./files.ts";
import type { ServerLibc } from "./libc.ts";
import { stat } from "./stat.ts";

/** In the words of the OCI runtime spec's `linux.devices`. */
export interface Device {
  readonly path: string;
  readonly type: "c" | "b";
  readonly major: number;
  readonly minor: number;
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Folders whose devices belong to a container's own mounts, and the node's console. */
const NOT_HANDED_ON = new Set([
  "/dev/pts",
  "/dev/shm",
  "/dev/fd",
  "/dev/mqueue",
  "/dev/console",
  "/dev/.lxc",
  "/dev/.lxd-mounts",
  "/dev/.udev",
]);

/** The device at a path, through links, or those below a folder. */
export function devicesAt(libc: ServerLibc, path: string): Device[] {
  const node = device(libc, path);
  if (node !== undefined) return [node];
  const isFolder = stat(libc, { path, followLinks: true })?.kind === "folder";
  return isFolder ? devices(libc, path) : [];
}

function device(libc: ServerLibc, path: string): Device | undefined {
  const found = stat(libc, { path, followLinks: true });
  if (found === undefined) return undefined;
  const { kind, mode, major, minor, uid, gid } = found;
  if (kind !== "c" && kind !== "b") return undefined;
  return { path, type: kind, major, minor, fileMode: mode, uid, gid };
}

/** All devices below /dev; links and folders of a container's own mounts are left out. */
export function devices(libc: ServerLibc, folder = "/dev"): Device[] {
  const found: Device[] = [];
  for (const name of namesIn(libc, folder)) {
    const path = `${folder}/${name}`;
    if (NOT_HANDED_ON.has(path)) continue;
    const kind = stat(libc, { path, followLinks: false })?.kind;
    if (kind === "folder") found.push(...devices(libc, path));
    if (kind !== "c" && kind !== "b") continue;
    const node = device(libc, path);
    if (node !== undefined) found.push(node);
  }
  return found;
}

/** A folder that goes while /dev is walked (a disk was pulled) is empty. */
function namesIn(libc: ServerLibc, folder: string): string[] {
  try {
    return listFolder(libc, folder);
  } catch (error) {
    if (isKind(error, "notFound")) return [];
    throw error;
  }
}
