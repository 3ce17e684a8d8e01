/**
 * What programs that are started later don't inherit. Deno 2.9 makes the unix sockets that it
 * listens on without the flag for that: a managed containerd would hold the CRI's socket, and hand it
 * on to its shims, which keep it alive beyond the daemon.
 */
import { listFolder, readLink } from "./files.ts";
import { check, type ServerLibc } from "./libc.ts";

const F_GETFD = 1;
const F_SETFD = 2;
const FD_CLOEXEC = 1;

/** stdin, stdout and stderr are everybody's. */
const FIRST_OWN_FD = 3;

/** Keeps every socket that is open now from programs that are started from now on. */
export function keepSocketsFromPrograms(libc: ServerLibc): void {
  for (const name of listFolder(libc, "/proc/self/fd")) {
    const fd = Number(name);
    const isSocket = readLink(libc, `/proc/self/fd/${name}`)?.startsWith("socket:") === true;
    if (fd < FIRST_OWN_FD || !isSocket) continue;
    const flags = libc.fcntl(fd, F_GETFD, 0);
    // Below 0: closed since it was listed.
    if (flags < 0 || (flags & FD_CLOEXEC) !== 0) continue;
    check(libc, libc.fcntl(fd, F_SETFD, flags | FD_CLOEXEC), `keep socket ${fd} from programs`);
  }
}
