/** Messages of a stream between the wire, which pushes, and the reader, which pulls. */

export interface InboxOptions {
  /** As many messages may wait unread before the wire is held. */
  limit: number;
  /** Holds the wire: what is on its way may still come. */
  pause(): void;
  resume(): void;
  /** The reader has had enough. */
  cancel(): void;
}

/** A bounded queue for one reader; it ends once, with or without an error. */
export class Inbox<T> implements AsyncIterableIterator<T> {
  readonly #options: InboxOptions;
  readonly #waiting: T[] = [];
  #reader: PromiseWithResolvers<IteratorResult<T>> | undefined;
  #end: { error: unknown } | undefined;
  #isPaused = false;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  push(message: T): void {
    const reader = this.#reader;
    if (reader === undefined) {
      this.#waiting.push(message);
    } else {
      this.#reader = undefined;
      reader.resolve({ done: false, value: message });
    }
    if (this.#isPaused || this.#waiting.length < this.#options.limit) return;
    this.#isPaused = true;
    this.#options.pause();
  }

  /** What waits is still read; then the reader gets the error or the end. */
  end(error?: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    const reader = this.#reader;
    this.#reader = undefined;
    if (error === undefined) reader?.resolve({ done: true, value: undefined });
    else reader?.reject(error);
  }

  next(): Promise<IteratorResult<T>> {
    const value = this.#waiting.shift();
    if (value !== undefined) {
      this.#goOn();
      return Promise.resolve({ done: false, value });
    }
    if (this.#end === undefined) {
      this.#reader = Promise.withResolvers();
      return this.#reader.promise;
    }
    const { error } = this.#end;
    // An error is told once; whoever reads on finds the end.
    this.#end = { error: undefined };
    return error === undefined
      ? Promise.resolve({ done: true, value: undefined })
      : Promise.reject(error);
  }

  return(): Promise<IteratorResult<T>> {
    this.#waiting.length = 0;
    this.end();
    this.#options.cancel();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #goOn(): void {
    if (!this.#isPaused || this.#waiting.length >= this.#options.limit) return;
    this.#isPaused = false;
    this.#options.resume();
  }
}
