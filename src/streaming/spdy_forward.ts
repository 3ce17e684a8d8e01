/** Port-forward over SPDY: each connection is a pair of streams, one for data, one for an error. */
import { HIGH_WATER_BYTES, LOW_WATER_BYTES } from "./command_client.ts";
import type { ForwardChannel } from "./forward_channel.ts";
import { SpdySession, type SpdyStream } from "./spdy_session.ts";
import type { Wire } from "./wire.ts";

/** Streams at once: half as many connections. */
const MAX_STREAMS = 1_024;

/** The second stream of a pair comes within this time. */
const PAIR_TIMEOUT_MS = 30_000;

const MAX_PORT = 65_535;

interface Half {
  readonly stream: SpdyStream;
  readonly timer: ReturnType<typeof setTimeout>;
}

/** Serves a client's connections until it is gone. */
export async function serveSpdyForwards(
  wire: Wire,
  open: (channel: ForwardChannel) => void,
): Promise<void> {
  const halves = new Map<string, Half>();
  const session = new SpdySession(wire, {
    maxStreams: MAX_STREAMS,
    onStream: (stream) => {
      const type = stream.headers.get("streamtype");
      const port = portOf(stream);
      if ((type !== "data" && type !== "error") || port === undefined) return stream.reset();
      const id = pairId(stream, type);
      const half = halves.get(id);
      if (half === undefined) {
        const timer = setTimeout(() => {
          halves.delete(id);
          stream.reset();
        }, PAIR_TIMEOUT_MS);
        halves.set(id, { stream, timer });
        return;
      }
      if (half.stream.headers.get("streamtype") === type) return stream.reset();
      halves.delete(id);
      clearTimeout(half.timer);
      const [data, error] = type === "data" ? [stream, half.stream] : [half.stream, stream];
      open(new SpdyForward(wire, { port, data, error }));
    },
  });
  try {
    await session.run();
  } finally {
    for (const { timer } of halves.values()) clearTimeout(timer);
  }
}

function portOf({ headers }: SpdyStream): number | undefined {
  const text = headers.get("port") ?? "";
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= MAX_PORT ? port : undefined;
}

/** Clients from before request ids open the error stream first, and the other right after it. */
function pairId({ id, headers }: SpdyStream, type: "data" | "error"): string {
  return headers.get("requestid") ?? `stream ${type === "error" ? id : id - 2}`;
}

class SpdyForward implements ForwardChannel {
  readonly port: number;
  readonly #wire: Wire;
  readonly #data: SpdyStream;
  readonly #error: SpdyStream;
  #isReset = false;

  constructor(wire: Wire, o: { port: number; data: SpdyStream; error: SpdyStream }) {
    this.#wire = wire;
    this.port = o.port;
    this.#data = o.data;
    this.#error = o.error;
    // Nobody reads what a client says on it.
    o.error.incoming.drop();
    void o.data.wasReset.then(() => this.#isReset = true);
  }

  get isReset(): boolean {
    return this.#isReset;
  }

  get wasReset(): Promise<void> {
    return this.#data.wasReset;
  }

  take(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#data.incoming.take();
  }

  refuse(): void {
    this.#data.incoming.drop();
  }

  send(chunk: Uint8Array): boolean {
    this.#data.send(chunk);
    return this.#wire.pendingBytes < HIGH_WATER_BYTES;
  }

  drained(): Promise<void> {
    return this.#wire.drained(LOW_WATER_BYTES);
  }

  end(): void {
    this.#data.end();
  }

  finish(message?: string): void {
    if (message !== undefined) {
      this.#error.send(new TextEncoder().encode(message));
      this.#data.reset();
    }
    this.#error.end();
    this.#data.end();
  }

  reset(): void {
    this.#isReset = true;
    this.#data.reset();
  }
}
