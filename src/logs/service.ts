/** Step 7 of 7: the logs of containers, as the server compartment calls them in the io compartment. */
import type { JournalOptions } from "./journal.ts";
import type { LogCounters } from "./counters.ts";

/** What a container's stdio is made from. */
export interface LogOptions {
  containerId: string;
  /** Folder of the FIFOs; made with mode 0700. */
  dir: string;
  /** The CRI log file, under one of the configured log directories; "" discards the output. */
  logPath: string;
  /** A terminal has one stream: stderr stays "". */
  terminal: boolean;
  /** Whether a FIFO for stdin is made; else stdin stays "". */
  stdin: boolean;
  /** Content bytes of a line; longer lines are written in parts tagged P. */
  maxLineBytes: number;
  /** The daemon was restarted: the shim already holds the FIFOs. */
  resume: boolean;
  /** With `resume`: where they are when another CRI made them, below the daemon's state folder. */
  held?: StdioPaths | undefined;
  /** Where in the journal the output goes too. */
  journal?: JournalOptions | undefined;
}

/** Paths for containerd's CreateTask; "" where there is no such stream. */
export interface StdioPaths {
  stdin: string;
  stdout: string;
  stderr: string;
}

export interface DrainOptions {
  containerId: string;
  timeoutMs: number;
  /** Closes it then, complete or not. */
  close?: boolean;
}

export interface LogService {
  /**
   * Makes the FIFOs (with `resume`: takes them as they are), opens the log file and the read ends.
   *
   * @throws CriError invalidArgument for a log path outside the configured folders,
   *   alreadyExists when the container's streams are open
   */
  open(o: LogOptions): Promise<StdioPaths>;
  /** The shim has opened the FIFOs (the task is created). From now on an EOF is the shim's. */
  attached(o: { containerId: string }): Promise<void>;
  /**
   * Waits until all streams are at EOF and everything is written; false after the timeout.
   * An unknown container is complete.
   */
  drained(o: DrainOptions): Promise<{ complete: boolean }>;
  /**
   * The kubelet has renamed the file: goes on in a new one.
   *
   * @throws CriError failedPrecondition for a container without open streams
   */
  reopen(o: { containerId: string }): Promise<void>;
  /** Stops, and removes the FIFOs and their folder. Idempotent. */
  close(o: { containerId: string }): Promise<void>;
  /** What was written and lost since this service began. */
  counters(): Promise<LogCounters>;
  /** Ids of the containers with open streams. */
  list(): Promise<string[]>;
}
