/** Signals by name, as images and the CRI spell them, and their numbers on Linux. */
import { Signal } from "../gen/cri/v1/api.ts";

const SIGTERM = 15;
const SIGRTMIN = 34;
const SIGRTMAX = 64;

const NUMBERS = new Map<string, number>([
  ["HUP", 1],
  ["INT", 2],
  ["QUIT", 3],
  ["ILL", 4],
  ["TRAP", 5],
  ["ABRT", 6],
  ["IOT", 6],
  ["BUS", 7],
  ["FPE", 8],
  ["KILL", 9],
  ["USR1", 10],
  ["SEGV", 11],
  ["USR2", 12],
  ["PIPE", 13],
  ["ALRM", 14],
  ["TERM", SIGTERM],
  ["STKFLT", 16],
  ["CHLD", 17],
  ["CLD", 17],
  ["CONT", 18],
  ["STOP", 19],
  ["TSTP", 20],
  ["TTIN", 21],
  ["TTOU", 22],
  ["URG", 23],
  ["XCPU", 24],
  ["XFSZ", 25],
  ["VTALRM", 26],
  ["PROF", 27],
  ["WINCH", 28],
  ["IO", 29],
  ["POLL", 29],
  ["PWR", 30],
  ["SYS", 31],
]);

/**
 * The number of a signal named "SIGTERM", "TERM", "15", "SIGRTMIN+3" or, as the CRI's enum has it,
 * "SIGRTMINPLUS3". An unknown or empty name is SIGTERM: an image's slip must not keep a pod alive.
 */
export function signalNumber(name: string): number {
  const plain = name.trim().toUpperCase().replace(/^SIG/, "");
  const known = NUMBERS.get(plain);
  if (known !== undefined) return known;
  if (/^\d+$/.test(plain)) {
    const number = Number(plain);
    return number >= 1 && number <= SIGRTMAX ? number : SIGTERM;
  }
  const realTime = /^RT(MIN|MAX)(?:(?:\+|-|PLUS|MINUS)(\d{1,2}))?$/.exec(plain);
  if (realTime === null) return SIGTERM;
  const offset = Number(realTime[2] ?? "0");
  const number = realTime[1] === "MIN" ? SIGRTMIN + offset : SIGRTMAX - offset;
  return number >= SIGRTMIN && number <= SIGRTMAX ? number : SIGTERM;
}

const CRI_SIGNALS: ReadonlyMap<string, Signal> = new Map(
  Object.entries(Signal).filter((entry): entry is [string, Signal] => typeof entry[1] === "number"),
);

/** The CRI's value for a signal name, SIGTERM for none. */
export function toCriSignal(name: string): Signal {
  const upper = name.trim().toUpperCase();
  const full = upper.startsWith("SIG") ? upper : `SIG${upper}`;
  const criName = full.replace("+", "PLUS").replace("-", "MINUS");
  const named = CRI_SIGNALS.get(criName);
  if (named !== undefined && named > Signal.RUNTIME_DEFAULT) return named;
  const number = signalNumber(name);
  for (const [short, value] of NUMBERS) {
    const signal = CRI_SIGNALS.get(`SIG${short}`);
    if (value === number && signal !== undefined) return signal;
  }
  return Signal.SIGTERM;
}
