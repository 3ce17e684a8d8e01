/** Exec and attach over SPDY: a stream for each of the error, stdin, stdout, stderr and resize. */
import {
  type CommandClient,
  type CommandHandlers,
  type CommandStreams,
  HIGH_WATER_BYTES,
  LOW_WATER_BYTES,
  type Outcome,
  type OutputName,
  parseSize,
} from "./command_client.ts";
import { statusBytes } from "./command_status.ts";
import { SpdySession, type SpdyStream } from "./spdy_session.ts";
import type { Wire } from "./wire.ts";

const NAMES = ["error", "stdin", "stdout", "stderr", "resize"] as const;
type Name = typeof NAMES[number];

/** From this version on, a terminal's size is sent on a stream of its own. */
const RESIZE_VERSION = 3;

/** How long a client may take to open its streams. */
const OPEN_TIMEOUT_MS = 30_000;

/** A size is a line of JSON. */
const MAX_LINE_BYTES = 1024;

const MAX_STREAMS = 8;

export class SpdyCommand implements CommandClient {
  readonly #session: SpdySession;
  readonly #version: number;
  readonly #streams = new Map<Name, SpdyStream>();
  readonly #opened = Promise.withResolvers<boolean>();
  readonly #running: Promise<void>;

  private constructor(wire: Wire, version: number, expected: readonly Name[]) {
    this.#version = version;
    this.#session = new SpdySession(wire, {
      maxStreams: MAX_STREAMS,
      onStream: (stream) => {
        const name = NAMES.find((known) => known === stream.headers.get("streamtype"));
        if (name === undefined || !expected.includes(name) || this.#streams.has(name)) {
          return stream.reset();
        }
        this.#streams.set(name, stream);
        if (this.#streams.size === expected.length) this.#opened.resolve(true);
      },
    });
    this.#running = this.#session.run();
    this.#running.catch(() => undefined).then(() => this.#opened.resolve(false));
  }

  /** Waits for the client's streams; undefined when they don't come. */
  static async open(
    wire: Wire,
    version: number,
    streams: CommandStreams,
  ): Promise<SpdyCommand | undefined> {
    const expected = NAMES.filter((name) =>
      name === "error" ||
      (name === "resize" ? streams.tty && version >= RESIZE_VERSION : streams[name])
    );
    const client = new SpdyCommand(wire, version, expected);
    const timer = setTimeout(() => client.close(), OPEN_TIMEOUT_MS);
    try {
      if (await client.#opened.promise) return client;
    } finally {
      clearTimeout(timer);
    }
    return undefined;
  }

  get closed(): Promise<void> {
    return this.#session.wire.closed;
  }

  get pendingBytes(): number {
    return this.#session.wire.pendingBytes;
  }

  async run(handlers: CommandHandlers): Promise<void> {
    const stdin = this.#streams.get("stdin");
    const resize = this.#streams.get("resize");
    const readers = [
      stdin === undefined ? undefined : takeStdin(stdin, handlers),
      resize === undefined ? undefined : takeSizes(resize, handlers),
    ];
    await this.#running;
    await Promise.all(readers);
  }

  write(stream: OutputName, chunk: Uint8Array): boolean {
    this.#streams.get(stream)?.send(chunk);
    return this.pendingBytes < HIGH_WATER_BYTES;
  }

  drained(): Promise<void> {
    return this.#session.wire.drained(LOW_WATER_BYTES);
  }

  async finish(outcome: Outcome): Promise<void> {
    const status = statusBytes(outcome, this.#version);
    if (status.length > 0) this.#streams.get("error")?.send(status);
    for (const name of ["stdout", "stderr", "error"] as const) this.#streams.get(name)?.end();
    await this.#session.end();
  }

  close(): void {
    this.#session.close();
  }
}

async function takeStdin(stream: SpdyStream, handlers: CommandHandlers): Promise<void> {
  for (let chunk = await stream.incoming.take(); chunk !== undefined;) {
    await handlers.stdin(chunk);
    chunk = await stream.incoming.take();
  }
  handlers.stdinEnded();
}

/** Sizes come one after the other, in pieces that may be cut anywhere. */
async function takeSizes(stream: SpdyStream, handlers: CommandHandlers): Promise<void> {
  const decoder = new TextDecoder();
  let text = "";
  for (let chunk = await stream.incoming.take(); chunk !== undefined;) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf("}"); end >= 0; end = text.indexOf("}")) {
      const size = parseSize(text.slice(0, end + 1));
      if (size !== undefined) handlers.resize(size);
      text = text.slice(end + 1);
    }
    if (text.length > MAX_LINE_BYTES) text = "";
    chunk = await stream.incoming.take();
  }
}
