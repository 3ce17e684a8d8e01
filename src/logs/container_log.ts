/** The streams of one container and their log file. */
import type { LinuxIo } from "../linux/linux_io.ts";
import type { StreamName } from "./format.ts";
import type { LogCounters } from "./counters.ts";
import { type Journal, JournalTap } from "./journal.ts";
import { LogFile } from "./log_file.ts";
import { locateLog } from "./path.ts";
import { StreamPump, type Workspace } from "./pump.ts";
import type { LogOptions, StdioPaths } from "./service.ts";
import { type Tap, type TappedStreams, Taps } from "./tap.ts";
import { makeStdio, openStream, removeStdio, stdioPaths } from "./stdio.ts";

/** A disk that hangs holds a log's last write back; the container's removal goes on without it. */
const STOP_TIMEOUT_MS = 5_000;

export interface LogDeps {
  readonly io: LinuxIo;
  readonly space: Workspace;
  /** Folders that logs may lie in. */
  readonly logDirs: readonly string[];
  readonly counters: LogCounters;
  /** Undefined where no journal is configured. */
  readonly journal?: Journal | undefined;
}

export class ContainerLog implements TappedStreams {
  readonly paths: StdioPaths;
  readonly #dir: string;
  readonly #file: LogFile | undefined;
  readonly #pumps: readonly StreamPump[];
  readonly #taps: Taps;

  private constructor(
    o: {
      dir: string;
      paths: StdioPaths;
      file: LogFile | undefined;
      pumps: StreamPump[];
      taps: Taps;
    },
  ) {
    this.paths = o.paths;
    this.#dir = o.dir;
    this.#file = o.file;
    this.#pumps = o.pumps;
    this.#taps = o.taps;
  }

  /** Makes the FIFOs, or with `resume` takes those that are there, and begins to read. */
  static async open(deps: LogDeps, options: LogOptions): Promise<ContainerLog> {
    const { dir, resume, held } = options;
    const file = openFile(deps, options);
    const pumps: StreamPump[] = [];
    const taps = new Taps();
    try {
      const paths = resume ? held ?? stdioPaths(options) : makeStdio(deps.io, options);
      pumps.push(...openPumps(deps, { options, paths, file, taps }));
      tapJournal(deps, { options, pumps, taps });
      if (resume) { for (const pump of pumps) pump.resume(); }
      return new ContainerLog({ dir, paths, file, pumps, taps });
    } catch (error) {
      for (const pump of pumps) await pump.stop();
      file?.close();
      if (!resume) removeStdio(dir);
      throw error;
    }
  }

  attached(): void {
    for (const pump of this.#pumps) pump.attached();
  }

  get ended(): Promise<void> {
    return Promise.all(this.#pumps.map((pump) => pump.ended)).then(() => undefined);
  }

  /** Whether all streams have ended before the time is up. */
  async drained(timeoutMs: number): Promise<boolean> {
    return await within(timeoutMs, this.ended);
  }

  tap(tap: Tap): () => void {
    return this.#taps.add(tap);
  }

  async reopen(): Promise<void> {
    await this.#file?.reopen();
  }

  /** Stops where it is; the FIFOs stay, and with them what the shim holds. */
  async stop(): Promise<void> {
    try {
      await within(STOP_TIMEOUT_MS, Promise.all(this.#pumps.map((pump) => pump.stop())));
    } finally {
      this.#file?.close();
    }
  }

  /** Stops and removes the FIFOs. */
  async close(): Promise<void> {
    await this.stop();
    removeStdio(this.#dir);
  }
}

function tapJournal(
  { journal }: LogDeps,
  { options, pumps, taps }: { options: LogOptions; pumps: StreamPump[]; taps: Taps },
): void {
  if (journal === undefined || options.journal === undefined) return;
  const tap = new JournalTap(journal, options.journal, options.maxLineBytes);
  taps.add(tap);
  void Promise.all(pumps.map((pump) => pump.ended)).then(() => tap.end());
}

function openFile(deps: LogDeps, { logPath, resume }: LogOptions): LogFile | undefined {
  if (logPath === "") return undefined;
  const file = new LogFile(deps.io, locateLog(logPath, deps.logDirs), deps.counters);
  // A container that runs is better off without a log than with a FIFO that nobody empties.
  if (resume) file.openOrDrop();
  else file.open();
  return file;
}

function openPumps(
  { io, space }: LogDeps,
  { options, paths, file, taps }: {
    options: LogOptions;
    paths: StdioPaths;
    file: LogFile | undefined;
    taps: Taps;
  },
): StreamPump[] {
  const { maxLineBytes } = options;
  const streams: [StreamName, string][] = [["stdout", paths.stdout], ["stderr", paths.stderr]];
  const pumps: StreamPump[] = [];
  for (const [stream, path] of streams) {
    const fd = path === "" ? undefined : openStream(io, path);
    if (fd === undefined) continue;
    pumps.push(new StreamPump({ io, space, stream, fd, file, maxLineBytes, taps }));
  }
  return pumps;
}

/** Whether a promise resolves in time. */
async function within(timeoutMs: number, promise: Promise<unknown>): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(resolve, timeoutMs, false);
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
