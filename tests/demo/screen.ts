/** How the demo looks: a line a step with its time, coloured on a terminal and plain elsewhere. */
import { print } from "../../src/cli/output.ts";

const GREEN = 32;
const RED = 31;
const DIM = 2;
const BOLD = 1;

/** Takes the cursor to the start of the line and the line away. */
const ERASE_LINE = "\r\x1b[K";

export interface Screen {
  /** Shows what is under way and, once it is done, what it came to and how long it took. */
  step<T>(doing: string, work: () => Promise<Done<T>>): Promise<T>;
  /** Text as it is, set in a little. */
  block(text: string): void;
  /** A title, and the text below it if steps aren't what follows. */
  section(title: string, text?: string): void;
}

/** What a step came to. */
export interface Done<T> {
  readonly done: string;
  readonly value: T;
}

export function openScreen(): Screen {
  const isTerminal = Deno.stdout.isTerminal();
  const isColoured = isTerminal && (Deno.env.get("NO_COLOR") ?? "") === "";
  const paint = (code: number, text: string) => isColoured ? `\x1b[${code}m${text}\x1b[0m` : text;
  const line = (mark: string, time: string, text: string) =>
    print(`  ${mark} ${paint(DIM, time.padStart(8))}  ${text}\n`);
  return {
    step: async (doing, work) => {
      if (isTerminal) print(`  · ${" ".repeat(8)}  ${paint(DIM, `${doing} …`)}`);
      const began = performance.now();
      const erase = () => isTerminal && print(ERASE_LINE);
      try {
        const { done, value } = await work();
        erase();
        line(paint(GREEN, "✓"), formatTime(performance.now() - began), done);
        return value;
      } catch (error) {
        erase();
        line(paint(RED, "✗"), formatTime(performance.now() - began), doing);
        throw error;
      }
    },
    block: (text) => print(`\n${indent(text)}\n\n`),
    section: (title, text) => {
      print(`\n${paint(BOLD, title)}\n\n`);
      if (text !== undefined) print(`${indent(text)}\n`);
    },
  };
}

function indent(text: string): string {
  return text.trimEnd().split("\n").map((line) => `      ${line}`.trimEnd()).join("\n");
}

/** 999 ms, 1.2 s, 75 s. */
export function formatTime(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  return `${(ms / 1_000).toFixed(ms < 9_950 ? 1 : 0)} s`;
}
