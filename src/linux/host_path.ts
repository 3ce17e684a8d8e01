/**
 * Paths of the node that a request mounts. A dead network file system keeps whoever looks at one
 * waiting, maybe for ever, so the look is on another thread: only the request that named it waits.
 */
import { CriError, invalidArgument } from "../base/errors.ts";
import { readLink } from "./files.ts";
import { AT_FDCWD, O_CLOEXEC, O_PATH } from "./flags.ts";
import { check, cString, type ServerLibc } from "./libc.ts";

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

/** No call here is on this thread: a second look may wait as long as the first one did. */
async function resolve(libc: ServerLibc, path: string): Promise<string> {
  const open = () => later(libc, path, (text) => libc.openLater(text, FLAGS, 0));
  const found = await open();
  if (found >= 0) return nameOf(libc, found);
  await makeFolders(libc, path);
  const made = await open();
  if (made >= 0) return nameOf(libc, made);
  // Errors are told by the thread that met them, which is gone.
  throw new CriError(
    "failedPrecondition",
    `${path} can be neither opened nor made as a folder: is its file system there, or is it a ` +
      "link to nowhere?",
  );
}

/** Calls with a path in libc's own memory: this isolate may be gone before the call is over. */
async function later(
  libc: ServerLibc,
  path: string,
  call: (text: bigint) => Promise<number>,
): Promise<number> {
  const text = cString(path);
  const memory = libc.malloc(BigInt(text.length));
  libc.copyIn(memory, text, BigInt(text.length));
  try {
    return await call(memory);
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

/** Those that are there already, or can't be made, show when the path is opened. */
async function makeFolders(libc: ServerLibc, path: string): Promise<void> {
  let folder = "";
  for (const name of path.split("/").filter((name) => name !== "")) {
    folder += `/${name}`;
    await later(libc, folder, (text) => libc.mkdirLater(AT_FDCWD, text, FOLDER_MODE));
  }
}

/** Makes a symbolic link. @throws CriError alreadyExists when something is there */
export function makeLink(libc: ServerLibc, target: string, path: string): void {
  const result = libc.symlinkat(cString(target), AT_FDCWD, cString(path));
  check(libc, result, `make the link ${path}`);
}
