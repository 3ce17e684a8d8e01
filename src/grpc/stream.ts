/** One stream of a connection: what waits to be sent on it, and how much each side may still send. */
import {
  dataFrame,
  type ErrorCode,
  type Frame,
  headersFrame,
  resetFrame,
  widened,
  windowUpdateFrame,
} from "./frames.ts";
import type { HeaderField } from "./hpack.ts";
import type { PeerSettings } from "./peer_settings.ts";
import { ReceiveWindow } from "./receive_window.ts";

/** What happens on a stream, in this order; after `finished` or `broken` comes nothing. */
export interface StreamListener {
  headers(fields: readonly HeaderField[]): void;
  /** The bytes lie in a buffer that is used again: what is kept is copied. */
  data(bytes: Uint8Array): void;
  /** The other side sends nothing more. */
  finished(): void;
  /** The other side broke it off with a code of HTTP/2, or, without one, the connection is gone. */
  broken(reason: string, code: number | undefined): void;
}

/** What a stream needs of its connection. */
export interface StreamHost {
  /** What may be sent on all streams together. */
  window: number;
  readonly peer: PeerSettings;
  /** What waits to be written: data is added no faster than it leaves. */
  readonly backlog: { readonly isFull: boolean };
  /** The room that a stream gives the other side. */
  readonly streamWindow: number;
  frame(frame: Frame): void;
  /** The stream is no longer of the connection. */
  forget(stream: Stream): void;
}

export class Stream {
  readonly id: number;
  readonly #host: StreamHost;
  /** Whom the stream is told to, from when the other side has something to say on. */
  listener: StreamListener | undefined;
  #sendWindow: number;
  readonly #receiveWindow: ReceiveWindow;
  #isPaused = false;
  readonly #queue: Uint8Array[] = [];
  /** How much of the first in the queue is sent. */
  #sent = 0;
  /** What ends our side once the queue is empty: trailers, or nothing but the flag. */
  #end: { readonly trailers: Uint8Array | undefined } | undefined;
  #isLocalDone = false;
  #isRemoteDone = false;
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(host: StreamHost, id: number) {
    this.#host = host;
    this.id = id;
    this.#sendWindow = host.peer.initialWindow;
    this.#receiveWindow = new ReceiveWindow(host.streamWindow);
  }

  get isRemoteDone(): boolean {
    return this.#isRemoteDone;
  }

  /** Whether something waits for room. */
  get isBlocked(): boolean {
    return this.#queue.length > 0;
  }

  headers(block: Uint8Array): void {
    if (!this.#isLocalDone) {
      this.#host.frame(headersFrame(this.id, block, false));
    }
  }

  /** The bytes must not change any more. */
  send(...pieces: readonly Uint8Array[]): void {
    if (this.#isLocalDone) return;
    this.#queue.push(...pieces);
    this.flush();
  }

  /** Ends our side, with trailers if there are any, behind all that waits. */
  end(trailers?: Uint8Array): void {
    if (this.#isLocalDone || this.#end !== undefined) return;
    this.#end = { trailers };
    this.flush();
  }

  /** Breaks the stream off; the listener isn't told. */
  reset(code: ErrorCode): void {
    if (this.#isLocalDone && this.#isRemoteDone) return;
    this.#host.frame(resetFrame(this.id, code));
    this.#finish();
  }

  /** The other side is given no room beyond what it has. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#giveBack();
  }

  /** Resolves when nothing waits any more, also because the stream is over. */
  async drained(): Promise<void> {
    if (this.#queue.length === 0) return;
    this.#drained ??= Promise.withResolvers();
    await this.#drained.promise;
  }

  /** Sends what the windows and the connection have room for. */
  flush(): void {
    while (true) {
      const bytes = this.#queue[0];
      if (bytes === undefined) break;
      if (this.#host.backlog.isFull) return;
      const rest = bytes.length - this.#sent;
      const size = Math.min(
        rest,
        this.#sendWindow,
        this.#host.window,
        this.#host.peer.maxFrameBytes,
      );
      if (size <= 0) return;
      const isLast = size === rest && this.#queue.length === 1;
      const isEnd = isLast && this.#end !== undefined && this.#end.trailers === undefined;
      const payload = bytes.subarray(this.#sent, this.#sent + size);
      this.#host.frame(dataFrame(this.id, payload, isEnd));
      this.#sendWindow -= size;
      this.#host.window -= size;
      this.#sent += size;
      if (size === rest) {
        this.#queue.shift();
        this.#sent = 0;
      }
      if (isEnd) return this.#finishLocal();
    }
    this.#drained?.resolve();
    this.#drained = undefined;
    if (this.#end === undefined || this.#isLocalDone) return;
    const { trailers } = this.#end;
    if (trailers === undefined) this.#host.frame(dataFrame(this.id, new Uint8Array(), true));
    else this.#host.frame(headersFrame(this.id, trailers, true));
    this.#finishLocal();
  }

  /** The other side gives room, or takes some back with a smaller initial window. */
  grow(bytes: number): void {
    this.#sendWindow = widened(this.#sendWindow, bytes);
    if (bytes > 0) this.flush();
  }

  onHeaders(fields: readonly HeaderField[], isEnd: boolean): void {
    this.listener?.headers(fields);
    if (isEnd) this.#finishRemote();
  }

  /** @param size with the padding, which takes of the window too */
  onData(bytes: Uint8Array, size: number, isEnd: boolean): void {
    this.#receiveWindow.take(size);
    if (bytes.length > 0) this.listener?.data(bytes);
    if (isEnd) this.#finishRemote();
    else this.#giveBack();
  }

  onBroken(reason: string, code?: number): void {
    if (this.#isLocalDone && this.#isRemoteDone) return;
    this.#finish();
    this.listener?.broken(reason, code);
  }

  #giveBack(): void {
    if (this.#isPaused || this.#isRemoteDone) return;
    const room = this.#receiveWindow.giveBack();
    if (room > 0) {
      this.#host.frame(windowUpdateFrame(this.id, room));
    }
  }

  #finishLocal(): void {
    this.#isLocalDone = true;
    if (this.#isRemoteDone) this.#host.forget(this);
  }

  #finishRemote(): void {
    if (this.#isRemoteDone) return;
    this.#isRemoteDone = true;
    if (this.#isLocalDone) this.#host.forget(this);
    this.listener?.finished();
  }

  #finish(): void {
    this.#isLocalDone = true;
    this.#isRemoteDone = true;
    this.#queue.length = 0;
    this.#drained?.resolve();
    this.#host.forget(this);
  }
}
