/** mount(2) and umount2(2). */
import { CriError, invalidArgument } from "../base/errors.ts";
import { EINVAL, ENOENT, linuxError } from "./errno.ts";
import { readFile } from "./files.ts";
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_PATH } from "./flags.ts";
import { check, cString, errnoOf, type ServerLibc } from "./libc.ts";
import { mountPointsUnder } from "./mountinfo.ts";
import {
  MS_BIND,
  MS_NODEV,
  MS_NOEXEC,
  MS_NOSUID,
  MS_REC,
  MS_REMOUNT,
  parseMountOptions,
} from "./mount_options.ts";

/** A mount as containerd's snapshotters describe it. */
export interface MountEntry {
  readonly type: string;
  readonly source: string;
  /** Folder below the target; "" or nothing is the target itself. */
  readonly target?: string;
  readonly options: readonly string[];
}

/** All of noexec, nosuid and nodev hold unless said otherwise. */
export interface TmpfsOptions {
  readonly sizeBytes?: bigint;
  readonly mode?: number;
  /** Of all that is in it; "" without SELinux. */
  readonly selinuxLabel?: string;
  readonly noexec?: boolean;
  readonly nosuid?: boolean;
  readonly nodev?: boolean;
}

export interface BindOptions {
  readonly readonly?: boolean;
  readonly recursive?: boolean;
}

interface MountCall {
  source: string;
  target: string;
  type: string;
  flags: number;
  data: string;
}

const MNT_DETACH = 2;
const UMOUNT_NOFOLLOW = 8;

/** mount(2) reads one page of options, with the NUL at its end. */
const MAX_DATA_BYTES = 4095;

/** @throws CriError */
export function mountTmpfs(libc: ServerLibc, target: string, options: TmpfsOptions = {}): void {
  const { selinuxLabel = "", sizeBytes, mode, noexec = true, nosuid = true, nodev = true } =
    options;
  const data: string[] = [];
  if (mode !== undefined) data.push(`mode=${mode.toString(8)}`);
  if (sizeBytes !== undefined) data.push(`size=${sizeBytes}`);
  if (selinuxLabel !== "") data.push(`context="${selinuxLabel}"`);
  const flags = (noexec ? MS_NOEXEC : 0) | (nosuid ? MS_NOSUID : 0) | (nodev ? MS_NODEV : 0);
  callMount(libc, { source: "tmpfs", target, type: "tmpfs", flags, data: data.join(",") });
}

/** @throws CriError */
export function bindMount(
  libc: ServerLibc,
  { source, target, readonly, recursive }: BindOptions & { source: string; target: string },
): void {
  const options = [recursive ? "rbind" : "bind", readonly ? "ro" : "rw"];
  mountAll(libc, [{ type: "bind", source, options }], target);
}

/**
 * Mounts one over the other at a target. On failure the target is as before.
 *
 * @throws CriError, unimplemented for a type that needs a helper program
 */
export function mountAll(libc: ServerLibc, mounts: readonly MountEntry[], target: string): void {
  const done: string[] = [];
  try {
    for (const mount of mounts) {
      const at = targetOf(mount, target);
      mountOne(libc, mount, { target: at, mounted: () => done.push(at) });
    }
  } catch (error) {
    for (const at of done.reverse()) libc.umount2(cString(at), MNT_DETACH | UMOUNT_NOFOLLOW);
    throw error;
  }
}

function targetOf({ target = "" }: MountEntry, root: string): string {
  const names = target.split("/").filter((name) => name !== "" && name !== ".");
  if (names.includes("..")) throw invalidArgument("mount.target", `${target} leads out of it`);
  return [root, ...names].join("/");
}

function mountOne(
  libc: ServerLibc,
  mount: MountEntry,
  { target, mounted }: { target: string; mounted: () => void },
): void {
  const { type, source } = mount;
  if (/^fuse(3)?\./.test(type) || mount.options.includes("loop")) {
    throw new CriError("unimplemented", `Cannot mount ${source}: ${type} needs a helper program`);
  }
  const { flags, propagation, data } = parseMountOptions(mount.options);
  const isBind = (flags & MS_BIND) !== 0;
  const call = { source, target, type: isBind ? "" : type, flags, data: data.join(",") };
  if (type === "overlay" && call.data.length > MAX_DATA_BYTES) mountLongOverlay(libc, call, data);
  else if (isBind) callMount(libc, { ...call, flags: flags & (MS_BIND | MS_REC), data: "" });
  else callMount(libc, call);
  mounted();
  // The first call of a bind mount ignores every other flag.
  const rest = flags & ~(MS_BIND | MS_REC);
  if (isBind && rest !== 0) {
    callMount(libc, { ...call, flags: rest | MS_BIND | MS_REMOUNT, data: "" });
  }
  for (const change of propagation) {
    callMount(libc, { source: "", target, type: "", flags: change, data: "" });
  }
}

/** Images of many layers: their folders are opened, for a number is shorter than a path. */
function mountLongOverlay(libc: ServerLibc, call: MountCall, data: readonly string[]): void {
  const fds: number[] = [];
  const short = (path: string) => {
    const flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    const fd = check(libc, libc.openat(AT_FDCWD, cString(path), flags, 0), `open layer ${path}`);
    fds.push(fd);
    return `/proc/self/fd/${fd}`;
  };
  try {
    const shorter = data.map((option) =>
      option.startsWith("lowerdir=")
        ? `lowerdir=${option.slice("lowerdir=".length).split(":").map(short).join(":")}`
        : option
    );
    callMount(libc, { ...call, data: shorter.join(",") });
  } finally {
    for (const fd of fds) libc.close(fd);
  }
}

function callMount(libc: ServerLibc, { source, target, type, flags, data }: MountCall): void {
  const action = `mount ${type || source || "with new propagation"} at ${target}`;
  const bytes = cString(data);
  if (bytes.length > MAX_DATA_BYTES + 1) {
    throw new CriError("resourceExhausted", `Cannot ${action}: its options fill over a page`);
  }
  const result = libc.mount(
    cString(source),
    cString(target),
    cString(type),
    BigInt(flags),
    bytes,
  );
  check(libc, result, action);
}

/** Takes every mount at a path away, lazily; no mount and no such path is done. */
export function unmount(libc: ServerLibc, path: string): void {
  while (libc.umount2(cString(path), MNT_DETACH | UMOUNT_NOFOLLOW) === 0);
  const errno = errnoOf(libc);
  if (errno === EINVAL || errno === ENOENT) return;
  // The number may be of a call that the engine made meanwhile: what counts is what is mounted.
  const mounted = mountPointsUnder(readFile(libc, "/proc/self/mountinfo"), path);
  if (mounted.includes(path)) throw linuxError(`unmount ${path}`, errno);
}
