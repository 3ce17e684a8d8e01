/** How a log record is written on one line: text, JSON or logfmt. */
import type { LogRecord } from "@logtape/logtape";
import { isKind } from "./errors.ts";
import { isSecretName, scrub, showable } from "./redact.ts";

/** From the least to the most important. */
export const LOG_LEVELS = ["trace", "debug", "info", "warn", "error"] as const;
export type LogLevel = typeof LOG_LEVELS[number];

/** `journal` is logfmt as journald wants it: without the time, with the priority in front. */
export const LOG_FORMATS = ["auto", "text", "json", "logfmt", "journal"] as const;
export type LogFormat = typeof LOG_FORMATS[number];

export interface LineStyle {
  format: Exclude<LogFormat, "auto">;
  /** Colours and the time of day alone, for the text format. */
  isTerminal: boolean;
  /** In which part of the daemon the line was made. */
  compartment: string;
}

const LEVELS = { warning: "warn", fatal: "error" } as const;
/** Priorities of syslog(3), which journald takes from "<6>" at the start of a line. */
const PRIORITIES: Record<LogLevel, number> = { trace: 7, debug: 7, info: 6, warn: 4, error: 3 };
const COLOURS: Record<LogLevel, string> = {
  trace: "\x1b[2m",
  debug: "\x1b[2m",
  info: "\x1b[32m",
  warn: "\x1b[33m",
  error: "\x1b[31m",
};
const RESET = "\x1b[0m";
const DIM = "\x1b[2m";

/** The line of a record, with its line feed. */
export function formatLine(record: LogRecord, style: LineStyle): string {
  const line: Line = {
    time: new Date(record.timestamp).toISOString(),
    level: levelOf(record),
    message: messageOf(record),
    logger: record.category.slice(1).join("."),
    compartment: style.compartment,
    fields: fieldsOf(record),
  };
  switch (style.format) {
    case "json":
      return `${JSON.stringify({ ...head(line), ...line.fields })}\n`;
    case "logfmt":
      return `${logfmt({ ...head(line), ...line.fields })}\n`;
    case "journal": {
      const { time: _, ...rest } = head(line);
      return `<${PRIORITIES[line.level]}>${logfmt({ ...rest, ...line.fields })}\n`;
    }
    case "text":
      return textLine(line, { record, isTerminal: style.isTerminal });
  }
}

interface Line {
  time: string;
  level: LogLevel;
  message: string;
  logger: string;
  compartment: string;
  fields: Record<string, unknown>;
}

function head(line: Line): Record<string, unknown> {
  const { time, level, message, logger, compartment } = line;
  return { time, level, message, logger, ...(compartment === "" ? {} : { compartment }) };
}

function levelOf(record: LogRecord): LogLevel {
  const { level } = record;
  return level === "warning" || level === "fatal" ? LEVELS[level] : level;
}

/** The names in a message's braces, in order. */
function placeholders(record: LogRecord): string[] {
  if (typeof record.rawMessage !== "string") return [];
  return [...record.rawMessage.replaceAll(/\{\{|\}\}/g, "").matchAll(/\{([^{}]*)\}/g)]
    .map((match) => match[1]?.trim() ?? "");
}

function messageOf(record: LogRecord): string {
  const names = placeholders(record);
  const text = record.message.map((part, i) => {
    if (i % 2 === 0) return String(part);
    return inline(showable(part, names[(i - 1) / 2] ?? ""));
  });
  return scrub(text.join(""));
}

/** The fields, none under a name that the line's head has; unexpected errors with their stack. */
function fieldsOf(record: LogRecord): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(record.properties)) {
    const name = HEAD_NAMES.includes(key) ? `${key}_` : key;
    const shown = showable(value, key);
    if (shown !== undefined && shown !== "") fields[name] = shown;
    if (value instanceof Error && isUnexpected(value) && !isSecretName(key)) {
      fields[`${name}Stack`] = showable(value.stack ?? "");
    }
  }
  return fields;
}

const HEAD_NAMES = ["time", "level", "message", "logger", "compartment"];

/** A defect of ours: only there a stack says more than the message. */
function isUnexpected(error: Error): boolean {
  return isKind(error, "internal") || ["TypeError", "RangeError", "ReferenceError"].includes(
    error.name,
  );
}

function textLine(line: Line, o: { record: LogRecord; isTerminal: boolean }): string {
  const told = new Set(placeholders(o.record));
  const rest = Object.entries(line.fields).filter(([key]) => !told.has(key));
  const fields = logfmt(Object.fromEntries(rest));
  const level = line.level.toUpperCase().padEnd(5);
  const message = escapeControls(line.message);
  if (!o.isTerminal) {
    return `${[line.time, level, message, fields].filter((part) => part !== "").join(" ")}\n`;
  }
  const tail = fields === "" ? "" : `  ${DIM}${fields}${RESET}`;
  return `${line.time.slice(11, 23)} ${COLOURS[line.level]}${level}${RESET} ${message}${tail}\n`;
}

function logfmt(fields: Record<string, unknown>): string {
  return Object.entries(fields)
    .map(([key, value]) => `${key.replaceAll(/[^A-Za-z0-9_.-]/g, "_")}=${quote(inline(value))}`)
    .join(" ");
}

function inline(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? "";
}

function quote(text: string): string {
  return /^[A-Za-z0-9_./:@+,-]+$/.test(text) ? text : escapeControls(JSON.stringify(text));
}

/** Line feeds and terminal sequences that came from outside must not make lines of their own. */
function escapeControls(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\u2028\u2029]/gu,
    (char) => char === "\n" ? "\\n" : `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
