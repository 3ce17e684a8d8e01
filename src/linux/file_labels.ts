/**
 * SELinux labels of files: their attribute security.selinux.
 *
 * 1. Everything is opened as a place first and labelled by that: nothing can be exchanged between
 *    the look and the change, and links are labelled themselves, not followed.
 * 2. What another file system or bind mount lays over a volume is not the volume's and is left alone.
 * 3. The top comes last: a volume whose top is right was relabelled to its end.
 */
import { CriError } from "../base/errors.ts";
import { pause } from "../base/pause.ts";
import { ENOENT, EOPNOTSUPP, linuxError } from "./errno.ts";
import { listFolder } from "./files.ts";
import { AT_FDCWD, O_CLOEXEC, O_NOFOLLOW, O_PATH } from "./flags.ts";
import { check, cString, errnoOf, type LabelLibc, openLibc } from "./libc.ts";
import { mountOf, stat } from "./stat.ts";
import { LABEL_SYMBOLS } from "./symbols.ts";

const ATTRIBUTE = cString("security.selinux");

/** The kernel's labels are shorter by far. */
const MAX_LABEL_BYTES = 4096;

/** Each level holds an open place. */
const MAX_DEPTH = 512;

/** After so many files the others on this thread have a turn. */
const FILES_A_TURN = 200;

const FLAGS = O_PATH | O_NOFOLLOW | O_CLOEXEC;

export interface FileLabels {
  /** Labels one file or folder. */
  label(path: string, label: string): void;
  /**
   * Labels what lies at a path with all below it, unless it is labelled so already. A file system
   * that has no labels, or one for all, is left as it is.
   *
   * @throws CriError naming the file that can't be labelled
   */
  relabel(path: string, label: string, signal: AbortSignal): Promise<void>;
}

/** Opens libc with what labels take. The permission for foreign libraries is the caller's to give up. */
export function openFileLabels(): FileLabels {
  return fileLabelsOn(openLibc(LABEL_SYMBOLS));
}

/** The same on a libc that is open. */
export function fileLabelsOn(libc: LabelLibc): FileLabels {
  return {
    label: (path, label) => {
      const fd = check(libc, libc.openat(AT_FDCWD, cString(path), FLAGS, 0), `label ${path}`);
      try {
        setLabel(libc, { fd, path }, label);
      } finally {
        libc.close(fd);
      }
    },
    relabel: (path, label, signal) => new Relabelling(libc, { label, signal }).run(path),
  };
}

interface Place {
  readonly fd: number;
  readonly path: string;
}

/** One volume's way to another label. */
class Relabelling {
  readonly #libc: LabelLibc;
  readonly #label: string;
  readonly #signal: AbortSignal;
  #files = 0;

  constructor(libc: LabelLibc, { label, signal }: { label: string; signal: AbortSignal }) {
    this.#libc = libc;
    this.#label = label;
    this.#signal = signal;
  }

  async run(path: string): Promise<void> {
    const libc = this.#libc;
    const fd = check(libc, libc.openat(AT_FDCWD, cString(path), FLAGS, 0), `relabel ${path}`);
    try {
      const now = labelOf(libc, fd);
      if (now === this.#label) return;
      // Setting what it has shows whether the file system takes labels at all.
      if (now !== undefined && !writeLabel(libc, { fd, path }, now)) return;
      const mount = mountOf(libc, fd);
      if (stat(libc, { fd })?.kind === "folder") {
        await this.#below({ fd, path }, { mount, depth: 1 });
      }
      setLabel(libc, { fd, path }, this.#label);
    } finally {
      libc.close(fd);
    }
  }

  async #below(folder: Place, { mount, depth }: { mount: string; depth: number }): Promise<void> {
    const libc = this.#libc;
    if (depth > MAX_DEPTH) {
      throw new CriError("resourceExhausted", `${folder.path} lies over ${MAX_DEPTH} folders deep`);
    }
    for (const name of listFolder(libc, `/proc/self/fd/${folder.fd}`)) {
      if (++this.#files % FILES_A_TURN === 0) await pause(0);
      this.#signal.throwIfAborted();
      const path = `${folder.path}/${name}`;
      const fd = libc.openat(folder.fd, cString(name), FLAGS, 0);
      if (fd < 0) {
        const errno = errnoOf(libc);
        if (errno === ENOENT) continue;
        throw linuxError(`relabel ${path}`, errno);
      }
      try {
        if (mountOf(libc, fd) !== mount) continue;
        const isFolder = stat(libc, { fd })?.kind === "folder";
        if (isFolder) await this.#below({ fd, path }, { mount, depth: depth + 1 });
        setLabel(libc, { fd, path }, this.#label);
      } finally {
        libc.close(fd);
      }
    }
  }
}

/** The label of an open place; undefined when it has none. */
function labelOf(libc: LabelLibc, fd: number): string | undefined {
  const value = new Uint8Array(MAX_LABEL_BYTES);
  const path = cString(`/proc/self/fd/${fd}`);
  const length = Number(libc.getxattr(path, ATTRIBUTE, value, BigInt(value.length)));
  if (length < 0) return undefined;
  return new TextDecoder().decode(value.subarray(0, length)).replace(/\0$/, "");
}

/** Gives a place a label, unless it has it: a look is cheap, a change is written to the disk. */
function setLabel(libc: LabelLibc, place: Place, label: string): void {
  if (labelOf(libc, place.fd) !== label) writeLabel(libc, place, label);
}

/** @returns false where the file system takes no labels */
function writeLabel(libc: LabelLibc, { fd, path }: Place, label: string): boolean {
  const value = cString(label);
  // What is open as a place only is changed by its number.
  const at = cString(`/proc/self/fd/${fd}`);
  if (libc.setxattr(at, ATTRIBUTE, value, BigInt(value.length), 0) === 0) return true;
  const errno = errnoOf(libc);
  if (errno === EOPNOTSUPP) return false;
  throw linuxError(`label ${path} ${label}`, errno);
}
