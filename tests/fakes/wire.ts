/** A client's connection in memory: the test gives the bytes and sees the answers. */
import { ChunkQueue } from "../../src/streaming/chunk_queue.ts";
import type { Wire } from "../../src/streaming/wire.ts";

export class FakeWire implements Wire {
  /** What the server has sent. */
  readonly sent: Uint8Array<ArrayBuffer>[] = [];
  readonly #incoming = new ChunkQueue();
  isEnded = false;
  isClosed = false;
  readonly #closed = Promise.withResolvers<void>();

  /** The client sends; resolves when it may send on. */
  async give(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#incoming.push(bytes);
  }

  /** The client ends its connection. */
  giveEnd(): void {
    this.#incoming.end();
  }

  /** The client takes everything at once. */
  readonly pendingBytes = 0;

  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  read(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#incoming.take();
  }

  send(bytes: Uint8Array<ArrayBuffer>): void {
    if (!this.isClosed) this.sent.push(bytes);
  }

  drained(): Promise<void> {
    return Promise.resolve();
  }

  end(): Promise<void> {
    this.isEnded = true;
    return Promise.resolve();
  }

  close(): void {
    this.isClosed = true;
    this.#incoming.drop();
    this.#closed.resolve();
  }
}
