/** The client of an exec or attach, whichever protocol it speaks. */

/** What the client asked for; the CRI's request says it, not the client's connection. */
export interface CommandStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

export type OutputName = "stdout" | "stderr";

export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** How a command ended, as its client is told. */
export type Outcome =
  | { readonly kind: "exited"; readonly exitCode: number }
  | { readonly kind: "failed"; readonly message: string };

/** What a client's side tells. Both are called until {@link CommandClient.run} returns. */
export interface CommandHandlers {
  /** A piece of input; the client is not read on before the promise resolves. */
  stdin(chunk: Uint8Array<ArrayBuffer>): Promise<void>;
  stdinEnded(): void;
  resize(size: TerminalSize): void;
}

export interface CommandClient {
  /** Reads what the client sends, until it is gone. */
  run(handlers: CommandHandlers): Promise<void>;
  /** Queues output, which is copied; false: wait for {@link drained} before the next. */
  write(stream: OutputName, chunk: Uint8Array): boolean;
  /** Waits until the client has taken most of what is queued, or is gone. */
  drained(): Promise<void>;
  /** Bytes that the client has not taken yet. */
  readonly pendingBytes: number;
  /** Tells how it ended, after all the output, and says good-bye. */
  finish(outcome: Outcome): Promise<void>;
  /** Gives the client up at once. */
  close(): void;
  /** Resolves when the client is gone, also while it is not read. */
  readonly closed: Promise<void>;
}

/** Output waits while so much is queued for a client. */
export const HIGH_WATER_BYTES = 1024 * 1024;
export const LOW_WATER_BYTES = 256 * 1024;

const MAX_SIZE = 65_535;

/**
 * A terminal's size out of the JSON that clients send, `{"Width":80,"Height":24}`; undefined for
 * anything else, which is skipped as other servers do.
 */
export function parseSize(text: string): TerminalSize | undefined {
  try {
    const size: unknown = JSON.parse(text);
    if (typeof size !== "object" || size === null) return undefined;
    const width = "Width" in size ? size.Width : undefined;
    const height = "Height" in size ? size.Height : undefined;
    return isSize(width) && isSize(height) ? { width, height } : undefined;
  } catch {
    return undefined;
  }
}

function isSize(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0 && value <= MAX_SIZE;
}
