/**
 * Paths of the node that a request mounts. A dead network file system keeps whoever looks at one
 * waiting, maybe for ever, so the look is on another thread: only the request that named it waits.
 */
import { CriError, invalidArgument } from "../base/errors.ts";
import { EEXIST, ENOENT, linuxError } from "./errno.ts";
import { readLink } from "./files.ts";
import { AT_FDCWD, O_CLOEXEC, O_PATH } from "./flags.ts";
import { check, cString, errnoOf, type ServerLibc } from "./libc.ts";

const FOLDER_MODE = 0o755;
const FLAGS = O_PATH | O_CLOEXEC;

/**
 * The path without symbolic links. Where there is nothing a folder is made, as people know it from
 * the hostPath volumes of Kubernetes.
 *
 * @throws CriError for a path that can't be looked at
 */
export function resolveHostPath(libc: ServerLibc, path: string): Promise<string> {
  const known = looking.get(path);
  if (known !== undefined) return known;
  const look = resolve(libc, path).finally(() => looking.delete(path));
  looking.set(path, look);
  return look;
}

/** Each holds a thread. Who tries a path again that doesn't answer joins the one that waits. */
const looking = new Map<string, Promise<string>>();

async function resolve(libc: ServerLibc, path: string): Promise<string> {
  const fd = await openLater(libc, path);
  if (fd >= 0) return nameOf(libc, fd);
  // Errors are told by the thread that met them: what failed there fails here too, and at once.
  const again = libc.open(cString(path), FLAGS, 0);
  if (again >= 0) return nameOf(libc, again);
  const errno = errnoOf(libc);
  if (errno !== ENOENT) throw linuxError(`look at ${path}`, errno);
  makeFolders(libc, path);
  const made = libc.open(cString(path), FLAGS, 0);
  if (made >= 0) return nameOf(libc, made);
  throw new CriError("failedPrecondition", `${path} is a link to nowhere`);
}

async function openLater(libc: ServerLibc, path: string): Promise<number> {
  const text = cString(path);
  // The memory is libc's own, for this isolate may be gone before the call is over.
  const memory = libc.malloc(BigInt(text.length));
  libc.copyIn(memory, text, BigInt(text.length));
  try {
    return await libc.openLater(memory, FLAGS, 0);
  } finally {
    libc.free(memory);
  }
}

/** The kernel knows an open file by its name without links. */
function nameOf(libc: ServerLibc, fd: number): string {
  const name = readLink(libc, `/proc/self/fd/${fd}`) ?? "";
  libc.close(fd);
  if (name.startsWith("/")) return name;
  throw invalidArgument("path", `${JSON.stringify(name)} is not a file`);
}

function makeFolders(libc: ServerLibc, path: string): void {
  let folder = "";
  for (const name of path.split("/")) {
    if (name === "") continue;
    folder += `/${name}`;
    if (libc.mkdirat(AT_FDCWD, cString(folder), FOLDER_MODE) === 0) continue;
    const errno = errnoOf(libc);
    if (errno !== EEXIST) throw linuxError(`make the folder ${folder}`, errno);
  }
}

/** Makes a symbolic link. @throws CriError alreadyExists when something is there */
export function makeLink(libc: ServerLibc, target: string, path: string): void {
  const result = libc.symlinkat(cString(target), AT_FDCWD, cString(path));
  check(libc, result, `make the link ${path}`);
}
