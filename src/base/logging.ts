/** Sets LogTape up, once in each thread: which lines are written, and how, on stderr. */
import { configureSync, type LogLevel as TapeLevel } from "@logtape/logtape";
import { CriError } from "./errors.ts";
import { formatLine, LOG_LEVELS, type LogFormat, type LogLevel } from "./log_format.ts";

export type { LogFormat, LogLevel };

export interface LoggingOptions {
  /** The least important level that is written, one of {@link LOG_LEVELS}. */
  level: string;
  format: LogFormat;
  /** In which part of the daemon the lines are made; "" leaves it out. */
  compartment?: string;
  /** Where lines go; stderr by default. */
  write?: (line: string) => void;
}

let current: LoggingOptions | undefined;

/**
 * Begins logging in this thread, or changes how it is done.
 *
 * @throws CriError invalidArgument for an unknown level
 */
export function configureLogging(options: LoggingOptions): void {
  const lowestLevel = tapeLevel(options.level);
  const style = {
    format: resolveLogFormat(options.format),
    isTerminal: options.write === undefined && Deno.stderr.isTerminal(),
    compartment: options.compartment ?? "",
  };
  const write = options.write ?? writeToStderr;
  current = options;
  configureSync({
    reset: true,
    sinks: { lines: (record) => write(formatLine(record, style)) },
    loggers: [
      { category: "cri-containerd", sinks: ["lines"], lowestLevel },
      { category: ["logtape", "meta"], sinks: ["lines"], lowestLevel: "error" },
    ],
  });
}

/**
 * Changes the level of this thread while it runs.
 *
 * @throws CriError invalidArgument for an unknown level
 */
export function setLogLevel(level: string): void {
  if (current === undefined) return;
  configureLogging({ ...current, level });
}

/**
 * What "auto" is here: text on a terminal, journal where stderr goes to journald, else logfmt.
 * Whoever may read the environment asks once and hands the answer to the other threads.
 */
export function resolveLogFormat(format: LogFormat): Exclude<LogFormat, "auto"> {
  if (format !== "auto") return format;
  if (Deno.stderr.isTerminal()) return "text";
  return isJournal() ? "journal" : "logfmt";
}

/**
 * systemd sets this where it connects stderr with the journal. That it names our very stream isn't
 * compared: node:fs, which could, would cost each thread some 20 ms of its start.
 */
function isJournal(): boolean {
  try {
    return Deno.env.has("JOURNAL_STREAM");
  } catch {
    // Without the permission to look there is nothing to know.
    return false;
  }
}

function tapeLevel(level: string): TapeLevel {
  const known = LOG_LEVELS.find((name) => name === level);
  if (known === undefined) {
    throw new CriError(
      "invalidArgument",
      `Unknown log level ${JSON.stringify(level)}; the levels are ${LOG_LEVELS.join(", ")}`,
    );
  }
  return known === "warn" ? "warning" : known;
}

const encoder = new TextEncoder();

/** Synchronous, so that the last line before an end is there; a full or closed pipe loses lines. */
function writeToStderr(line: string): void {
  const bytes = encoder.encode(line);
  try {
    for (let at = 0; at < bytes.length;) at += Deno.stderr.writeSync(bytes.subarray(at));
  } catch {
    // There is nowhere left to tell it.
  }
}
