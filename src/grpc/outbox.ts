/**
 * Frames on their way out. They are gathered in one buffer while the last ones are being written:
 * however many answers come together, a busy connection is written to once for all of them.
 */
import { type Frame, FRAME_HEADER_BYTES } from "./frames.ts";

/** The connection underneath, a unix socket's. */
export interface Wire {
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  close(): void;
}

/** Little, for there may be many idle connections. */
const INITIAL_BYTES = 512;
/** A buffer that grew larger isn't kept. */
const KEPT_BYTES = 1024 * 1024;
/** More than this waits for the other side to read. */
const FULL_BYTES = 256 * 1024;

export class Outbox {
  readonly #wire: Wire;
  readonly #onRoom: () => void;
  readonly #onFailed: (error: unknown) => void;
  #buffer = new Uint8Array(INITIAL_BYTES);
  #length = 0;
  /** Takes turns with the buffer. */
  #spare = new Uint8Array(INITIAL_BYTES);
  #writing: Promise<void> = Promise.resolve();
  #isWriting = false;
  #isFailed = false;
  #room: PromiseWithResolvers<void> | undefined;

  /** @param on told when it isn't full any more, and when the connection takes no more */
  constructor(wire: Wire, on: { room(): void; failed(error: unknown): void }) {
    this.#wire = wire;
    this.#onRoom = on.room;
    this.#onFailed = on.failed;
  }

  /** Frames are made no faster than they leave. */
  get isFull(): boolean {
    return this.#length >= FULL_BYTES;
  }

  frame({ type, flags, streamId, payload }: Frame): void {
    if (this.#isFailed) return;
    const size = payload.length;
    const at = this.#length;
    this.#reserve(FRAME_HEADER_BYTES + size);
    const buffer = this.#buffer;
    buffer[at] = size >> 16;
    buffer[at + 1] = size >> 8;
    buffer[at + 2] = size;
    buffer[at + 3] = type;
    buffer[at + 4] = flags;
    buffer[at + 5] = streamId >> 24;
    buffer[at + 6] = streamId >> 16;
    buffer[at + 7] = streamId >> 8;
    buffer[at + 8] = streamId;
    buffer.set(payload, at + FRAME_HEADER_BYTES);
  }

  /** What isn't a frame: a client's first words. */
  raw(bytes: Uint8Array): void {
    const at = this.#length;
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
  }

  /** Resolves when no more waits than may. */
  async room(): Promise<void> {
    if (!this.isFull || this.#isFailed) return;
    this.#room ??= Promise.withResolvers();
    await this.#room.promise;
  }

  /** Resolves when all is written. */
  async flushed(): Promise<void> {
    await this.#writing;
  }

  /** What comes after this is thrown away. */
  fail(): void {
    this.#isFailed = true;
    this.#length = 0;
    this.#room?.resolve();
  }

  #reserve(bytes: number): void {
    if (!this.#isWriting) this.#writing = this.#write();
    const needed = this.#length + bytes;
    if (needed > this.#buffer.length) {
      const larger = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    this.#length = needed;
  }

  async #write(): Promise<void> {
    this.#isWriting = true;
    // What this turn of the loop still makes goes along.
    await Promise.resolve();
    try {
      while (this.#length > 0) await this.#writeAll(this.#take());
      this.#isWriting = false;
    } catch (error) {
      this.fail();
      this.#onFailed(error);
    }
  }

  #take(): Uint8Array {
    const full = this.#buffer;
    const length = this.#length;
    this.#buffer = this.#spare;
    this.#spare = full.length <= KEPT_BYTES ? full : new Uint8Array(INITIAL_BYTES);
    const wasFull = this.isFull;
    this.#length = 0;
    if (wasFull) this.#onRoom();
    if (!this.isFull) {
      this.#room?.resolve();
      this.#room = undefined;
    }
    return full.subarray(0, length);
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    let written = 0;
    while (written < bytes.length && !this.#isFailed) {
      written += await this.#wire.write(bytes.subarray(written));
    }
  }
}
