/**
 * One container's log file. Both streams write to it in turns, so that at most one batch a container
 * is in memory; a disk that can't take it loses output, and never stops the container.
 */
import { logger } from "../base/log.ts";
import type { LinuxIo } from "../linux/linux_io.ts";
import type { Written } from "../linux/append.ts";
import { type LogCounters, logCounters } from "./counters.ts";
import type { Output } from "./output.ts";
import type { LogLocation } from "./path.ts";

const log = logger("logs");

/** As kubelets and log collectors expect them. */
const FOLDER_MODE = 0o755;
const FILE_MODE = 0o640;

const NEWLINE = 10;
const NS_PER_S = 1_000_000_000n;
/** Writes have to succeed this long before a failing file is called good again. */
const GOOD_AFTER_NS = NS_PER_S;
/** A file that couldn't be opened is tried again this often, while there is something to write. */
const REOPEN_EVERY_NS = NS_PER_S;

interface Failure {
  readonly problem: string;
  lastNs: bigint;
  droppedBytes: number;
}

export class LogFile {
  readonly #io: LinuxIo;
  readonly #location: LogLocation;
  readonly #path: string;
  readonly #counters: LogCounters;
  #fd: number | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #failure: Failure | undefined;
  #openedNs = 0n;
  /** A write ended in the middle of a line; the next one has to end that line first. */
  #isMidLine = false;

  /** @param counters those of all files, if somebody keeps them */
  constructor(io: LinuxIo, location: LogLocation, counters = logCounters()) {
    this.#io = io;
    this.#counters = counters;
    this.#location = location;
    this.#path = [location.root, ...location.names].join("/");
  }

  /**
   * Opens the file; it and its folders are made when missing.
   *
   * @throws CriError
   */
  open(): void {
    const { root, names } = this.#location;
    this.#openedNs = this.#io.nowNs();
    const fd = this.#io.openForAppend({
      root,
      names,
      folderMode: FOLDER_MODE,
      fileMode: FILE_MODE,
    });
    if (this.#fd !== undefined) this.#io.closeFd(this.#fd);
    this.#fd = fd;
    this.#isMidLine = false;
  }

  /** Opens the file, or drops what is written until it can be opened. */
  openOrDrop(): void {
    try {
      this.open();
    } catch (error) {
      this.#dropped(0, error instanceof Error ? error.message : String(error));
    }
  }

  /** Does work on the file alone, in order of arrival. */
  run<T>(work: () => Promise<T> | T): Promise<T> {
    const done = this.#tail.then(work);
    this.#tail = done.catch(() => {});
    return done;
  }

  /** Empties an output for the next write of this turn. */
  begin(output: Output): void {
    output.clear();
    if (!this.#isMidLine) return;
    output.reserve(1);
    output.appendByte(NEWLINE);
  }

  /**
   * Writes what {@link begin} began; only inside {@link run}. Never throws for a bad disk.
   *
   * @returns whether something was waited for, so that others had their turn
   */
  async append(output: Output): Promise<boolean> {
    const { bytes } = output;
    const size = bytes.length;
    if (size === 0) return false;
    const isTime = this.#io.nowNs() - this.#openedNs >= REOPEN_EVERY_NS;
    if (this.#fd === undefined && isTime) this.openOrDrop();
    if (this.#fd === undefined) {
      this.#dropped(size, this.#failure?.problem ?? "it is not open");
      return false;
    }
    const written = await this.#io.append(this.#fd, bytes);
    this.#counters.writtenBytes += written.bytes;
    if (written.errno === 0) this.#succeeded();
    else this.#failed(size, written);
    return true;
  }

  /** Goes on in a new file of the same name. When that can't be opened the old one is kept. */
  async reopen(): Promise<void> {
    await this.run(() => this.open());
  }

  close(): void {
    if (this.#fd !== undefined) this.#io.closeFd(this.#fd);
    this.#fd = undefined;
    if (this.#failure !== undefined) this.#tellDropped(this.#failure);
    this.#failure = undefined;
  }

  #succeeded(): void {
    this.#isMidLine = false;
    if (this.#failure === undefined) return;
    if (this.#io.nowNs() - this.#failure.lastNs < GOOD_AFTER_NS) return;
    this.#tellDropped(this.#failure);
    this.#failure = undefined;
  }

  #failed(size: number, { bytes, errno, lastByte }: Written): void {
    if (bytes > 0) this.#isMidLine = lastByte !== NEWLINE;
    this.#dropped(size - bytes, this.#io.errnoText(errno));
  }

  #dropped(bytes: number, problem: string): void {
    this.#counters.lostBytes += bytes;
    const isNew = this.#failure?.problem !== problem;
    const droppedBytes = (this.#failure?.droppedBytes ?? 0) + bytes;
    this.#failure = { problem, droppedBytes, lastNs: this.#io.nowNs() };
    if (!isNew) return;
    log.error("Cannot write to {path}: {problem}; the container's output is dropped until it can", {
      path: this.#path,
      problem,
    });
  }

  #tellDropped({ droppedBytes, problem }: Failure): void {
    log.warn("{bytes} bytes of output were dropped for {path}: {problem}", {
      path: this.#path,
      bytes: droppedBytes,
      problem,
    });
  }
}
