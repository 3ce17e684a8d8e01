/**
 * Waits for many files at once with epoll(7): one waiting call for all of them, made on a thread of
 * Deno's pool, and nothing that runs while nothing happens.
 */
import { CriError } from "../base/errors.ts";
import { logger } from "../base/log.ts";
import { ENOENT, linuxError } from "./errno.ts";
import { EPOLL_DATA_OFFSET, EPOLL_EVENT_BYTES, O_CLOEXEC, O_NONBLOCK } from "./flags.ts";
import { listFolder, readFileIfAny, readLink } from "./files.ts";
import { check, errnoOf, type IoLibc } from "./libc.ts";

const log = logger("linux");

const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const EPOLLIN = 0x1;
const EPOLLOUT = 0x4;
const EPOLLERR = 0x8;
const EPOLLHUP = 0x10;
const EPOLLONESHOT = 1 << 30;

/** The upper half of what the kernel tells back for our files: by it a poller is known in /proc. */
const MARK = 0x6372_6963;

const MAX_EVENTS = 256;
/** The thread of a Worker that was ended waits this long at most. */
const WAIT_MS = 10_000;
/** After a failed wait, which signals cause at most. */
const RETRY_MS = 10;

/** Told that a file can be read (or written to), or that its other side has closed it. */
export type ReadyListener = (event: { hangup: boolean }) => void;

interface Watched {
  readonly fd: number;
  readonly token: number;
  readonly events: number;
  readonly listener: ReadyListener;
}

/** Listeners hear of a file once, and again after they have armed it again. */
export class Poller {
  readonly #libc: IoLibc;
  readonly #epoll: number;
  readonly #wake: number;
  readonly #byFd = new Map<number, Watched>();
  /** The kernel's events carry a token: a number of a file may long belong to another file. */
  readonly #byToken = new Map<number, Watched>();
  /** Memory of libc: the kernel writes there also when this Worker has just been ended. */
  readonly #events: bigint;
  readonly #stopped: Promise<void>;
  #lastToken = 0;
  #isClosed = false;

  constructor(libc: IoLibc) {
    this.#libc = libc;
    this.#epoll = check(libc, libc.epoll_create1(O_CLOEXEC), "wait for output");
    this.#wake = check(libc, libc.eventfd(0, O_CLOEXEC | O_NONBLOCK), "wait for output");
    this.#events = libc.malloc(BigInt(MAX_EVENTS * EPOLL_EVENT_BYTES));
    this.#control(EPOLL_CTL_ADD, { fd: this.#wake, token: 0, events: EPOLLIN });
    this.#stopped = this.#run();
  }

  /** Watches a file for what comes, or for room to write; armed from now on. */
  add(fd: number, listener: ReadyListener, what: "read" | "write" = "read"): void {
    const events = (what === "read" ? EPOLLIN : EPOLLOUT) | EPOLLONESHOT;
    const watched = { fd, listener, events, token: ++this.#lastToken };
    this.#control(EPOLL_CTL_ADD, watched);
    this.#byFd.set(fd, watched);
    this.#byToken.set(watched.token, watched);
  }

  /** Asks to be told again. */
  arm(fd: number): void {
    const watched = this.#isClosed ? undefined : this.#byFd.get(fd);
    if (watched === undefined) return;
    this.#control(EPOLL_CTL_MOD, watched);
  }

  /** Stops watching a file; call it before the file is closed. */
  remove(fd: number): void {
    const watched = this.#isClosed ? undefined : this.#byFd.get(fd);
    if (watched === undefined) return;
    this.#byFd.delete(fd);
    this.#byToken.delete(watched.token);
    this.#control(EPOLL_CTL_DEL, { ...watched, events: 0 });
  }

  /** Nothing is watched from here on; a second call does nothing. */
  async close(): Promise<void> {
    if (this.#isClosed) return await this.#stopped;
    this.#isClosed = true;
    this.#libc.eventfd_write(this.#wake, 1n);
    await this.#stopped;
    this.#libc.close(this.#epoll);
    this.#libc.close(this.#wake);
    this.#libc.free(this.#events);
  }

  #control(operation: number, o: { fd: number; token: number; events: number }): void {
    // Its number may belong to another file by now.
    if (this.#isClosed) throw new CriError("unavailable", "Cannot watch a FIFO: it is over");
    const event = new DataView(new ArrayBuffer(EPOLL_EVENT_BYTES));
    event.setUint32(0, o.events, true);
    event.setUint32(EPOLL_DATA_OFFSET, o.token, true);
    event.setUint32(EPOLL_DATA_OFFSET + 4, MARK, true);
    const result = this.#libc.epoll_ctl(this.#epoll, operation, o.fd, event.buffer);
    if (result === 0) return;
    const errno = errnoOf(this.#libc);
    if (operation === EPOLL_CTL_DEL && errno === ENOENT) return;
    throw linuxError("watch a FIFO", errno);
  }

  async #run(): Promise<void> {
    const events = new DataView(new ArrayBuffer(MAX_EVENTS * EPOLL_EVENT_BYTES));
    while (!this.#isClosed) {
      const count = await this.#libc.epoll_wait(this.#epoll, this.#events, MAX_EVENTS, WAIT_MS);
      if (count < 0) {
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        continue;
      }
      if (count === 0) continue;
      this.#libc.copyOut(events.buffer, this.#events, BigInt(count * EPOLL_EVENT_BYTES));
      for (let at = 0; at < count * EPOLL_EVENT_BYTES; at += EPOLL_EVENT_BYTES) {
        const token = events.getUint32(at + EPOLL_DATA_OFFSET, true);
        this.#tell(token, events.getUint32(at, true));
      }
    }
  }

  #tell(token: number, events: number): void {
    const watched = this.#byToken.get(token);
    try {
      watched?.listener({ hangup: (events & (EPOLLHUP | EPOLLERR)) !== 0 });
    } catch (error) {
      log.error("A FIFO is no longer read: {error}", { error });
    }
  }
}

/**
 * Closes the poller of an io compartment that died in this process, whose thread ends its wait then
 * at the latest when that is over. For the start, before there is a poller of one's own.
 */
export function closeLeftPollers(libc: IoLibc): void {
  for (const name of listFolder(libc, "/proc/self/fd")) {
    if (readLink(libc, `/proc/self/fd/${name}`) !== "anon_inode:[eventpoll]") continue;
    const watched = readFileIfAny(libc, `/proc/self/fdinfo/${name}`) ?? "";
    const [, wake] = WAKE.exec(watched) ?? [];
    if (wake === undefined) continue;
    libc.close(Number(wake));
    libc.close(Number(name));
  }
}

/** Of token 0 (fs/eventpoll.c of the kernel, ep_show_fdinfo). */
const WAKE = new RegExp(`^tfd: +(\\d+) .* data: +${MARK.toString(16)}00000000 `, "m");
