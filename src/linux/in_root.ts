/**
 * Reads a file of an image. Its folders and links are made by strangers: a link to /etc/shadow or
 * to ../../.. must end inside the image. Done step by step on open folders, so that nothing can be
 * exchanged between the check and the use.
 */
import { CriError } from "../base/errors.ts";
import { ENOENT, ENOTDIR, linuxError } from "./errno.ts";
import { readAll, readLink } from "./files.ts";
import { AT_FDCWD, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY } from "./flags.ts";
import { check, cString, errnoOf, type ServerLibc } from "./libc.ts";
import { stat } from "./stat.ts";

/** The kernel's own limit. */
const MAX_LINKS = 40;

/**
 * A regular file below `root` as text, or undefined when there is none.
 *
 * @throws CriError resourceExhausted for a file over `maxBytes`
 */
export function readInRoot(
  libc: ServerLibc,
  root: string,
  { path, maxBytes }: { path: string; maxBytes: number },
): string | undefined {
  const action = `read ${path} in ${root}`;
  const walk = new Walk(libc, root);
  try {
    const found = walk.find(path);
    if (found === undefined || stat(libc, { fd: found })?.kind !== "file") return undefined;
    // A file that was opened as a place only can be opened for reading by its number.
    const again = libc.open(cString(`/proc/self/fd/${found}`), O_RDONLY | O_CLOEXEC, 0);
    const fd = check(libc, again, action);
    try {
      return new TextDecoder().decode(readAll(libc, fd, { maxBytes, action }));
    } finally {
      libc.close(fd);
    }
  } finally {
    walk.close();
  }
}

/**
 * The path without links of what lies at a path below `root`; undefined when nothing does. It holds
 * as long as nobody changes what is below the root.
 */
export function findInRoot(libc: ServerLibc, root: string, path: string): string | undefined {
  const walk = new Walk(libc, root);
  try {
    const found = walk.find(path);
    return found === undefined ? undefined : readLink(libc, `/proc/self/fd/${found}`);
  } finally {
    walk.close();
  }
}

/** The way from a root down to a file, as open folders. */
class Walk {
  readonly #libc: ServerLibc;
  readonly #root: string;
  /** The root first; the last is where the walk stands. */
  readonly #stack: number[] = [];

  constructor(libc: ServerLibc, root: string) {
    this.#libc = libc;
    this.#root = root;
    const flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
    this.#stack.push(check(libc, libc.openat(AT_FDCWD, cString(root), flags, 0), `open ${root}`));
  }

  /** What lies at a path, opened as a place; closed with the walk. */
  find(path: string): number | undefined {
    const names = path.split("/").reverse();
    let links = 0;
    for (let name = names.pop(); name !== undefined; name = names.pop()) {
      if (name === "" || name === ".") continue;
      if (name === "..") {
        this.#up();
        continue;
      }
      const fd = this.#open(name);
      if (fd === undefined) return undefined;
      const target = stat(this.#libc, { fd })?.kind === "link"
        ? readLink(this.#libc, "", fd)
        : undefined;
      if (target === undefined) {
        this.#stack.push(fd);
        continue;
      }
      this.#libc.close(fd);
      if (++links > MAX_LINKS) {
        throw new CriError("failedPrecondition", `Too many links on ${path} in ${this.#root}`);
      }
      if (target.startsWith("/")) { while (this.#stack.length > 1) this.#up(); }
      names.push(...target.split("/").reverse());
    }
    return this.#stack.at(-1);
  }

  close(): void {
    for (const fd of this.#stack.splice(0)) this.#libc.close(fd);
  }

  /** The root is its own parent. */
  #up(): void {
    const top = this.#stack.length > 1 ? this.#stack.pop() : undefined;
    if (top !== undefined) this.#libc.close(top);
  }

  #open(name: string): number | undefined {
    const libc = this.#libc;
    const flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
    const fd = libc.openat(this.#stack.at(-1) ?? -1, cString(name), flags, 0);
    if (fd >= 0) return fd;
    const errno = errnoOf(libc);
    if (errno === ENOENT || errno === ENOTDIR) return undefined;
    throw linuxError(`open ${name} in ${this.#root}`, errno);
  }
}
