/**
 * One client's SPDY/3.1 connection: the streams that it opens, muxed over a wire.
 *
 * Kubernetes' clients know no flow control of SPDY and answer none: a stream that nobody takes
 * from holds the connection up, as it does with every server of theirs.
 */
import { logger } from "../base/log.ts";
import { ChunkQueue } from "./chunk_queue.ts";
import { ProtocolError } from "./protocol_error.ts";
import {
  controlFrame,
  dataFrame,
  FLAG_FIN,
  GOAWAY,
  HEADERS,
  idAt,
  PING,
  RST_CANCEL,
  RST_REFUSED_STREAM,
  RST_STREAM,
  type SpdyEvent,
  SpdyParser,
  SYN_REPLY,
  SYN_STREAM,
  wordAt,
} from "./spdy_frames.ts";
import { HeaderReader, type Headers, HeaderWriter } from "./spdy_headers.ts";
import { PROBE_MS, type Wire } from "./wire.ts";

const log = logger("streaming");

/** Answers that a client doesn't read stop it from being read. */
const MAX_PENDING_BYTES = 1024 * 1024;

/** Offset of the headers in SYN_STREAM: two stream ids, priority and slot. */
const SYN_STREAM_HEADERS = 10;
const HEADERS_HEADERS = 4;

/** A stream that the client has opened. */
export class SpdyStream {
  readonly id: number;
  readonly headers: Headers;
  /** What the client sends. */
  readonly incoming = new ChunkQueue();
  readonly #wire: Wire;
  readonly #over: (stream: SpdyStream) => void;
  readonly #reset = Promise.withResolvers<void>();
  #isRemoteEnded = false;
  #isEnded = false;

  constructor(
    o: { id: number; headers: Headers; wire: Wire; over: (stream: SpdyStream) => void },
  ) {
    this.id = o.id;
    this.headers = o.headers;
    this.#wire = o.wire;
    this.#over = o.over;
  }

  /** Resolves when the stream is given up, by either side or with the connection. */
  get wasReset(): Promise<void> {
    return this.#reset.promise;
  }

  send(data: Uint8Array): void {
    if (!this.#isEnded) this.#wire.send(dataFrame(this.id, data));
  }

  /** No more is sent; what comes can still be taken. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#wire.send(dataFrame(this.id, new Uint8Array(0), true));
    if (this.#isRemoteEnded) this.#over(this);
  }

  reset(status = RST_CANCEL): void {
    if (this.#isEnded && this.#isRemoteEnded) return;
    this.#wire.send(controlFrame(RST_STREAM, [this.id, status]));
    this.lost();
  }

  /** The client sends no more. */
  remoteEnded(): void {
    this.#isRemoteEnded = true;
    this.incoming.end();
    if (this.#isEnded) this.#over(this);
  }

  /** The stream is gone without a proper end. */
  lost(): void {
    this.#isEnded = true;
    this.#isRemoteEnded = true;
    this.incoming.drop();
    this.#reset.resolve();
    this.#over(this);
  }
}

export interface SpdyOptions {
  /** Takes a new stream. */
  onStream(stream: SpdyStream): void;
  /** Streams open at once; more are refused. */
  readonly maxStreams: number;
}

export class SpdySession {
  readonly #wire: Wire;
  readonly #o: SpdyOptions;
  readonly #parser = new SpdyParser();
  readonly #reader = new HeaderReader();
  readonly #writer = new HeaderWriter();
  readonly #streams = new Map<number, SpdyStream>();
  #lastId = 0;
  #lastPing = 0;
  #isEnding = false;

  constructor(wire: Wire, o: SpdyOptions) {
    this.#wire = wire;
    this.#o = o;
    // Whoever waits for something of a client that is gone is not to wait on.
    void wire.closed.then(() => this.close());
  }

  get wire(): Wire {
    return this.#wire;
  }

  /** Reads until the client is gone; then all its streams are. */
  async run(): Promise<void> {
    try {
      for (let chunk = await this.#wire.read(); chunk !== undefined;) {
        if (!this.#isEnding) await this.#take(chunk);
        await this.#wire.drained(MAX_PENDING_BYTES);
        chunk = await this.#wire.read();
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      log.debug("A SPDY connection is closed: the client sent {error}", { error: error.message });
    } finally {
      this.#reader.close();
      this.close();
    }
  }

  /** Everything is sent: says good-bye, and {@link run} returns once the client has gone. */
  async end(): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#wire.send(controlFrame(GOAWAY, [this.#lastId, 0]));
    // Whoever is in the middle of handing something over is to go on to the end.
    for (const stream of this.#streams.values()) stream.incoming.drop();
    await this.#wire.end();
  }

  /** Gives the connection up at once. */
  close(): void {
    this.#wire.close();
    for (const stream of [...this.#streams.values()]) stream.lost();
  }

  async #take(chunk: Uint8Array<ArrayBuffer>): Promise<void> {
    for (const event of this.#parser.push(chunk)) {
      if (event.kind === "data") await this.#data(event);
      else await this.#control(event);
    }
  }

  async #data({ streamId, chunk, isFin }: SpdyEvent & { kind: "data" }): Promise<void> {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      // What was still on the way when the stream was reset is nobody's mistake.
      if (streamId <= this.#lastId) return;
      throw new ProtocolError("data for a stream that was never opened");
    }
    const waiting = stream.incoming.push(chunk);
    if (waiting !== undefined) await this.#probing(waiting);
    if (isFin) stream.remoteEnded();
  }

  /** The client is not read meanwhile. */
  async #probing(waiting: Promise<void>): Promise<void> {
    // A server's pings have even ids.
    const ping = () => this.#wire.send(controlFrame(PING, [this.#lastPing += 2]));
    const probe = setInterval(ping, PROBE_MS);
    try {
      await waiting;
    } finally {
      clearInterval(probe);
    }
  }

  async #control({ type, flags, body }: SpdyEvent & { kind: "control" }): Promise<void> {
    switch (type) {
      case SYN_STREAM:
        return await this.#open(body, flags);
      case RST_STREAM:
        return this.#streams.get(idAt(body, 0))?.lost();
      case PING:
        // Those with an even id are answers to ours.
        if (wordAt(body, 0) % 2 === 1) this.#wire.send(controlFrame(PING, [wordAt(body, 0)]));
        return;
      case HEADERS: {
        // Read though unused, for the next block is compressed with it.
        await this.#reader.read(bytesOf(body, HEADERS_HEADERS));
        if ((flags & FLAG_FIN) !== 0) this.#streams.get(idAt(body, 0))?.remoteEnded();
        return;
      }
      case SYN_REPLY:
        throw new ProtocolError("a reply to a stream that was never opened");
      default:
        // SETTINGS, GOAWAY and WINDOW_UPDATE change nothing here; unknown ones are to be skipped.
        return;
    }
  }

  async #open(body: DataView<ArrayBuffer>, flags: number): Promise<void> {
    const id = idAt(body, 0);
    const headers = await this.#reader.read(bytesOf(body, SYN_STREAM_HEADERS));
    if (id % 2 === 0 || id <= this.#lastId) throw new ProtocolError(`a stream with the id ${id}`);
    this.#lastId = id;
    if (this.#streams.size >= this.#o.maxStreams) {
      this.#wire.send(controlFrame(RST_STREAM, [id, RST_REFUSED_STREAM]));
      return;
    }
    const over = (stream: SpdyStream) => void this.#streams.delete(stream.id);
    const stream = new SpdyStream({ id, headers, wire: this.#wire, over });
    this.#streams.set(id, stream);
    const rest = this.#writer.write(new Map());
    this.#wire.send(controlFrame(SYN_REPLY, [id], { rest }));
    if ((flags & FLAG_FIN) !== 0) stream.remoteEnded();
    this.#o.onStream(stream);
  }
}

function bytesOf(body: DataView<ArrayBuffer>, offset: number): Uint8Array<ArrayBuffer> {
  if (body.byteLength < offset) throw new ProtocolError("a control frame that is too short");
  return new Uint8Array(body.buffer, body.byteOffset + offset, body.byteLength - offset);
}
