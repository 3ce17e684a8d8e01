/**
 * The CRI log format: `<RFC3339Nano time> <stdout|stderr> <P|F> <content>\n`.
 * https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md
 *
 * 1. Content bytes are kept as they come, carriage returns and invalid UTF-8 too.
 * 2. A line longer than the limit is written in parts: P for all but the last, F for that.
 * 3. What is left without a newline when a stream ends is a P, as containerd writes it: readers
 *    add no newline to it, so they show what the container wrote.
 */
import type { Output } from "./output.ts";

export type StreamName = "stdout" | "stderr";

const NEWLINE = 10;
const encoder = new TextEncoder();
const NS_PER_S = 1_000_000_000n;
const MS_PER_S = 1000;

/** Nine digits of a second's fraction, always: the lines of a file keep one width. */
export function rfc3339Nano(ns: bigint): string {
  const seconds = Number(ns / NS_PER_S);
  const second = new Date(seconds * MS_PER_S).toISOString().slice(0, -".000Z".length);
  return `${second}.${String(ns % NS_PER_S).padStart(9, "0")}Z`;
}

/** The starts of the lines of one batch: they carry the same time. */
export class LineHeads {
  readonly full: Uint8Array;
  readonly partial: Uint8Array;

  constructor(stream: StreamName, timeNs: bigint) {
    const time = rfc3339Nano(timeNs);
    this.full = encoder.encode(`${time} ${stream} F `);
    this.partial = encoder.encode(`${time} ${stream} P `);
  }
}

/** Cuts one stream into lines; keeps at most one line's bytes. */
export class LineFramer {
  readonly #maxBytes: number;
  /** The beginning of a line whose newline hasn't come. */
  #rest = new Uint8Array(0);
  #restLength = 0;

  constructor(maxLineBytes: number) {
    this.#maxBytes = maxLineBytes;
  }

  get hasRest(): boolean {
    return this.#restLength > 0;
  }

  /** Appends the lines that `input` completes to `output`, and keeps what is left. */
  frame(input: Uint8Array, heads: LineHeads, output: Output): void {
    let at = 0;
    while (at < input.length) {
      const newline = input.indexOf(NEWLINE, at);
      const end = newline < 0 ? input.length : newline;
      // Only a byte more than the limit tells that the line is longer than that.
      while (this.#restLength + end - at > this.#maxBytes) {
        const cut = at + this.#maxBytes - this.#restLength;
        this.#emit(heads.partial, { input, from: at, to: cut }, output);
        at = cut;
      }
      if (newline < 0) return this.#keep(input, at, end);
      this.#emit(heads.full, { input, from: at, to: end }, output);
      at = end + 1;
    }
  }

  /** Appends what is left of an unfinished line. */
  finish(heads: LineHeads, output: Output): void {
    if (!this.hasRest) return;
    this.#emit(heads.partial, { input: this.#rest, from: 0, to: 0 }, output);
  }

  #emit(
    head: Uint8Array,
    { input, from, to }: { input: Uint8Array; from: number; to: number },
    output: Output,
  ): void {
    output.reserve(head.length + this.#restLength + to - from + 1);
    output.append(head, 0, head.length);
    output.append(this.#rest, 0, this.#restLength);
    output.append(input, from, to);
    output.appendByte(NEWLINE);
    this.#restLength = 0;
  }

  #keep(input: Uint8Array, from: number, to: number): void {
    const needed = this.#restLength + to - from;
    if (needed > this.#rest.length) {
      const larger = new Uint8Array(Math.min(this.#maxBytes, Math.max(needed, 1024, needed * 2)));
      larger.set(this.#rest.subarray(0, this.#restLength));
      this.#rest = larger;
    }
    this.#rest.set(input.subarray(from, to), this.#restLength);
    this.#restLength = needed;
  }
}
