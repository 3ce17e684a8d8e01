/** The bytes of one client's connection, both ways, with bounds on what waits to be sent. */
import { concat } from "../base/concat.ts";

/** A connection as protocols see it: a socket, or what tunnels through one. */
export interface Wire {
  /**
   * The next bytes, undefined at the end or when it is closed. Their memory is used again by the
   * next read. One read at a time.
   */
  read(): Promise<Uint8Array<ArrayBuffer> | undefined>;
  /** Queues bytes; whoever sends much waits for {@link drained} in between. */
  send(bytes: Uint8Array<ArrayBuffer>): void;
  /** Bytes that are queued. */
  readonly pendingBytes: number;
  /** Waits until no more than so many bytes are queued, or it is closed. */
  drained(maxBytes: number): Promise<void>;
  /** Sends what is queued and says that no more comes; whoever reads goes on reading to the end. */
  end(): Promise<void>;
  /** Gives everything up at once. */
  close(): void;
  readonly isClosed: boolean;
  /** Resolves when it is closed, by either side. */
  readonly closed: Promise<void>;
}

const READ_BYTES = 65_536;

/** Small pieces are put together up to this size, to be written at once. */
const WRITE_BYTES = 131_072;

/**
 * After its end, a connection is read for so long: closed with unread bytes, it would take from
 * the client what it has not read yet.
 */
const LINGER_MS = 10_000;

/**
 * While a client is not read, its end isn't seen either: it is sent something that it has to answer
 * this often, and a connection whose other end is gone breaks.
 */
export const PROBE_MS = 5_000;

/** What both kinds of socket have. */
type Socket = Pick<Deno.Conn, "read" | "write" | "close"> & { closeWrite?(): Promise<void> };

export class ConnWire implements Wire {
  readonly #socket: Socket;
  readonly #buffer = new Uint8Array(READ_BYTES);
  #early: Uint8Array<ArrayBuffer> | undefined;
  #queue: Uint8Array<ArrayBuffer>[] = [];
  #pendingBytes = 0;
  #isWriting = false;
  readonly #closed = Promise.withResolvers<void>();
  #isClosed = false;
  readonly #idle: ReturnType<typeof setInterval> | undefined;
  #isBusy = false;
  #linger: ReturnType<typeof setTimeout> | undefined;
  #waiting: { maxBytes: number; resolve: () => void }[] = [];

  /** Over which nothing at all came or went for `idleMs`, it is closed; 0 is never. */
  constructor(socket: Socket, { idleMs = 0 }: { idleMs?: number } = {}) {
    this.#socket = socket;
    if (idleMs > 0) this.#idle = setInterval(() => this.#closeUnlessBusy(), idleMs);
  }

  /** Gives bytes back that were read: they come again with the next read. */
  unread(bytes: Uint8Array<ArrayBuffer>): void {
    this.#early = bytes;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  async read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const early = this.#early;
    this.#early = undefined;
    if (early !== undefined && early.length > 0) return early;
    if (this.#isClosed) return undefined;
    try {
      const count = await this.#socket.read(this.#buffer);
      this.#isBusy = true;
      return count === null || this.#isClosed ? undefined : this.#buffer.subarray(0, count);
    } catch {
      // Reset by the client, or closed by us: there is nobody to tell.
      return undefined;
    }
  }

  send(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#isClosed || bytes.length === 0) return;
    this.#queue.push(bytes);
    this.#pendingBytes += bytes.length;
    if (!this.#isWriting) void this.#write();
  }

  drained(maxBytes: number): Promise<void> {
    if (this.#isClosed || this.#pendingBytes <= maxBytes) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ maxBytes, resolve });
    return promise;
  }

  async end(): Promise<void> {
    await this.drained(0);
    if (this.#isClosed || this.#linger !== undefined) return;
    this.#linger = setTimeout(() => this.close(), LINGER_MS);
    try {
      await this.#socket.closeWrite?.();
    } catch {
      this.close();
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#linger);
    clearInterval(this.#idle);
    this.#queue = [];
    this.#pendingBytes = 0;
    this.#tellWaiting();
    try {
      this.#socket.close();
    } catch {
      // It was closed by an error already.
    }
    this.#closed.resolve();
  }

  #closeUnlessBusy(): void {
    if (!this.#isBusy) this.close();
    this.#isBusy = false;
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    try {
      while (this.#queue.length > 0) await this.#writeAll(this.#takeQueued());
    } catch {
      this.close();
    } finally {
      this.#isWriting = false;
    }
  }

  async #writeAll(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    let rest = bytes;
    while (rest.length > 0) {
      const written = await this.#socket.write(rest);
      this.#isBusy = true;
      rest = rest.subarray(written);
      if (this.#isClosed) return;
      this.#pendingBytes -= written;
      this.#tellWaiting();
    }
  }

  /** The next piece, or several small ones as one. */
  #takeQueued(): Uint8Array<ArrayBuffer> {
    let count = 0;
    let size = 0;
    for (const piece of this.#queue) {
      if (count > 0 && size + piece.length > WRITE_BYTES) break;
      size += piece.length;
      count++;
    }
    const pieces = this.#queue.splice(0, count);
    return concat(pieces, size);
  }

  #tellWaiting(): void {
    if (this.#waiting.length === 0) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const one of waiting) {
      if (this.#isClosed || this.#pendingBytes <= one.maxBytes) one.resolve();
      else this.#waiting.push(one);
    }
  }
}
