/**
 * One end of an HTTP/2 connection (RFC 9113), as far as gRPC needs it: streams, their windows, pings,
 * and the end. No push, no priorities.
 */
import { toCriError } from "../base/errors.ts";
import { pause } from "../base/pause.ts";
import {
  contentOf,
  ERROR_CODE,
  type ErrorCode,
  FLAG,
  FRAME,
  type Frame,
  goawayFrame,
  Http2Error,
  INITIAL_WINDOW,
  MAX_STREAM_ID,
  MAX_WINDOW,
  PREFACE,
  protocolError,
  SETTING,
  SETTINGS_ACK,
  settingsFrame,
  uint31At,
  uint32In,
  widened,
  windowUpdateFrame,
} from "./frames.ts";
import { readFrames } from "./frame_reader.ts";
import { type HeaderBlock, HeaderBlocks } from "./header_blocks.ts";
import { Outbox, type Wire } from "./outbox.ts";
import { PeerSettings } from "./peer_settings.ts";
import { Pongs } from "./pongs.ts";
import { ReceiveWindow } from "./receive_window.ts";
import { Stream, type StreamHost, type StreamListener } from "./stream.ts";

export interface ConnectionOptions {
  readonly role: "client" | "server";
  /** The room that the other side gets on each stream; on all together four times that. */
  readonly streamWindow: number;
  /** Streams that the other side may have open; above that they are refused. */
  readonly maxStreams: number;
  /** A stream that the other side opened; it gets its listener there. Undefined: it is refused. */
  onStream(stream: Stream): StreamListener | undefined;
  /** The other side's SETTINGS have come: it is there and speaks HTTP/2. */
  onReady(): void;
  /** The other side wants no new streams, or ours have run out of numbers. */
  onDraining(): void;
  /** The last stream is over. */
  onIdle(): void;
  /** The connection is gone, and its streams have been told. */
  onEnd(reason: string): void;
}

/** Room on a connection, as room of streams. */
const STREAMS_AT_ONCE = 4;

/** Longer than this nobody waits for the other side to read what ends the connection. */
const CLOSE_MS = 1_000;

export class Connection {
  readonly #wire: Wire;
  readonly #options: ConnectionOptions;
  readonly #outbox: Outbox;
  readonly #blocks = new HeaderBlocks();
  readonly #streams = new Map<number, Stream>();
  readonly #host: StreamHost;
  readonly #receiveWindow: ReceiveWindow;
  readonly #theirs = new PeerSettings();
  readonly #pongs = new Pongs((frame) => this.#outbox.frame(frame), () => this.#streams.size > 0);
  #lastTheirs = 0;
  #nextOurs = 1;
  #isReady = false;
  #isDraining = false;
  #isEnded = false;

  constructor(wire: Wire, options: ConnectionOptions) {
    this.#wire = wire;
    this.#options = options;
    this.#outbox = new Outbox(wire, {
      room: () => this.#flush(),
      failed: (error) => this.#ended(toCriError(error).message),
    });
    const window = Math.max(options.streamWindow * STREAMS_AT_ONCE, INITIAL_WINDOW);
    this.#receiveWindow = new ReceiveWindow(window);
    this.#host = {
      window: INITIAL_WINDOW,
      peer: this.#theirs,
      streamWindow: options.streamWindow,
      backlog: this.#outbox,
      frame: (frame) => this.#outbox.frame(frame),
      forget: (stream) => {
        this.#streams.delete(stream.id);
        if (this.#streams.size === 0) options.onIdle();
      },
    };
    if (options.role === "client") this.#outbox.raw(PREFACE);
    this.#outbox.frame(settingsFrame({
      [SETTING.enablePush]: 0,
      [SETTING.maxConcurrentStreams]: options.maxStreams,
      [SETTING.initialWindowSize]: options.streamWindow,
    }));
    const more = window - INITIAL_WINDOW;
    if (more > 0) this.#outbox.frame(windowUpdateFrame(0, more));
    void this.#read();
  }

  /** Whether no stream is open. */
  get isIdle(): boolean {
    return this.#streams.size === 0;
  }

  /** Whether it takes no new streams any more. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Whether a new stream would be taken. */
  get isOpen(): boolean {
    return this.#isReady && !this.#isDraining && this.#streams.size < this.#theirs.maxStreams;
  }

  /** How much waits to be written. */
  get backlog(): Pick<Outbox, "isFull" | "room"> {
    return this.#outbox;
  }

  /** A stream of ours, with its first headers. */
  open(block: Uint8Array, listener: StreamListener): Stream {
    const id = this.#nextOurs;
    this.#nextOurs += 2;
    const stream = new Stream(this.#host, id);
    stream.listener = listener;
    this.#streams.set(id, stream);
    stream.headers(block);
    if (this.#nextOurs > MAX_STREAM_ID) this.#drain();
    return stream;
  }

  /** The other side is asked to open no more streams; those that are open go on. */
  goAway(): void {
    if (this.#isDraining || this.#isEnded) return;
    this.#isDraining = true;
    this.#sayGoodbye(ERROR_CODE.noError, "");
  }

  /** Ends it once what has been sent is written, which the other side can't hold up for long. */
  async close(reason: string): Promise<void> {
    const waited = new AbortController();
    await Promise.race([this.#outbox.flushed(), pause(CLOSE_MS, waited.signal)]);
    waited.abort();
    this.#ended(reason);
  }

  async #read(): Promise<void> {
    try {
      await readFrames(this.#wire, {
        expectsPreface: this.#options.role === "server",
        room: () => this.#outbox.room(),
        onFrame: (frame) => this.#onFrame(frame),
      });
      this.#ended("the other side closed the connection");
    } catch (error) {
      if (!(error instanceof Http2Error)) return this.#ended(toCriError(error).message);
      this.#sayGoodbye(error.code, error.message);
      await this.close(error.message);
    }
  }

  #onFrame(frame: Frame): void {
    if (this.#isEnded) return;
    this.#blocks.assertAllows(frame);
    switch (frame.type) {
      case FRAME.data:
        return this.#onData(frame);
      case FRAME.headers:
      case FRAME.continuation:
        return this.#onBlock(frame);
      case FRAME.rstStream:
        return this.#onReset(frame);
      case FRAME.settings:
        return this.#onSettings(frame);
      case FRAME.ping:
        return this.#pongs.onPing(frame);
      case FRAME.goaway:
        return this.#onGoodbye(frame);
      case FRAME.windowUpdate:
        return this.#onWindowUpdate(frame);
      case FRAME.pushPromise:
        throw protocolError("a promise, which nobody may give here");
    }
  }

  #onData(frame: Frame): void {
    const size = frame.payload.length;
    const stream = this.#streamOf(frame);
    this.#receiveWindow.take(size);
    const room = this.#receiveWindow.giveBack();
    if (room > 0) this.#outbox.frame(windowUpdateFrame(0, room));
    stream?.onData(contentOf(frame), size, (frame.flags & FLAG.endStream) !== 0);
  }

  #onBlock(frame: Frame): void {
    if (frame.streamId === 0) throw protocolError("headers of no stream");
    const block = this.#blocks.take(frame);
    if (block === undefined) return;
    const { streamId, isEnd, fields } = block;
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) return stream.onHeaders(fields, isEnd);
    if (this.#options.role === "server") this.#accept(block);
    else if (streamId >= this.#nextOurs) throw protocolError("headers of a stream never opened");
  }

  #accept({ streamId: id, fields, isEnd }: HeaderBlock): void {
    if (id % 2 === 0) throw protocolError("a client's stream with an even number");
    // One that is over: its trailers may still have been on their way.
    if (id <= this.#lastTheirs) return;
    this.#lastTheirs = id;
    const stream = new Stream(this.#host, id);
    const isTaken = !this.#isDraining && this.#streams.size < this.#options.maxStreams;
    const listener = isTaken ? this.#options.onStream(stream) : undefined;
    if (listener === undefined) return stream.reset(ERROR_CODE.refusedStream);
    this.#streams.set(id, stream);
    stream.listener = listener;
    stream.onHeaders(fields, isEnd);
  }

  #onReset(frame: Frame): void {
    const code = uint32In(frame);
    this.#streamOf(frame)?.onBroken(`the other side ended the call with code ${code}`, code);
  }

  #onSettings({ flags, payload, streamId }: Frame): void {
    if (streamId !== 0) throw protocolError("SETTINGS of a stream");
    if ((flags & FLAG.ack) !== 0) return;
    const change = this.#theirs.apply(payload);
    for (const stream of this.#streams.values()) stream.grow(change);
    this.#outbox.frame(SETTINGS_ACK);
    if (this.#isReady) return;
    this.#isReady = true;
    this.#options.onReady();
  }

  #onWindowUpdate(frame: Frame): void {
    const increment = uint32In(frame) & MAX_WINDOW;
    if (increment === 0) throw protocolError("WINDOW_UPDATE by nothing");
    if (frame.streamId !== 0) return this.#streamOf(frame)?.grow(increment);
    this.#host.window = widened(this.#host.window, increment);
    this.#flush();
  }

  #flush(): void {
    for (const stream of this.#streams.values()) if (stream.isBlocked) stream.flush();
  }

  /** Undefined for one that is over, of which frames may still have been on their way. */
  #streamOf({ streamId, type }: Frame): Stream | undefined {
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) return stream;
    const last = this.#options.role === "server" ? this.#lastTheirs : this.#nextOurs - 2;
    if (streamId !== 0 && streamId <= last) return undefined;
    throw protocolError(`a frame of type ${type} of a stream never opened`);
  }

  /** Streams that it won't hear are told; nothing was done for them. */
  #onGoodbye({ payload, streamId }: Frame): void {
    if (streamId !== 0 || payload.length < 8) throw protocolError("a wrong GOAWAY");
    this.#drain();
    const last = uint31At(payload, 0);
    for (const stream of [...this.#streams.values()]) {
      if (this.#options.role === "client" && stream.id > last) {
        stream.onBroken("the other side takes no more calls", ERROR_CODE.refusedStream);
      }
    }
  }

  #drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#options.onDraining();
  }

  #sayGoodbye(code: ErrorCode, text: string): void {
    this.#outbox.frame(goawayFrame(this.#lastTheirs, code, text));
  }

  #ended(reason: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#isDraining = true;
    this.#pongs.stop();
    this.#outbox.fail();
    this.#wire.close();
    for (const stream of [...this.#streams.values()]) stream.onBroken(reason);
    this.#options.onEnd(reason);
  }
}
