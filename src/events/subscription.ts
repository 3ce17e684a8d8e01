/** What waits for one subscriber: bounded, and ended rather than thinned out. */
import { CriError } from "../base/errors.ts";

/** A queue with one reader. It ends once; the reader is told after what waits. */
export class Subscription<T> implements AsyncIterableIterator<T> {
  readonly #maxWaiting: number;
  readonly #onEnd: () => void;
  #waiting: T[] = [];
  #reader: PromiseWithResolvers<IteratorResult<T>> | undefined;
  #end: { error: CriError | undefined } | undefined;

  /** @param onEnd called once, when nothing more is taken */
  constructor(maxWaiting: number, onEnd: () => void) {
    this.#maxWaiting = maxWaiting;
    this.#onEnd = onEnd;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  push(item: T): void {
    if (this.#end !== undefined) return;
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      reader.resolve({ done: false, value: item });
      return;
    }
    if (this.#waiting.length < this.#maxWaiting) {
      this.#waiting.push(item);
      return;
    }
    // What waits is given up with the rest: a reader that far behind lists anew in any case.
    this.#waiting = [];
    this.end(
      new CriError(
        "resourceExhausted",
        `This subscriber is ${this.#maxWaiting} events behind and gets no more`,
        { remedy: "list pods and containers, and subscribe again" },
      ),
    );
  }

  /** @param error what the reader gets; undefined is an end like any other */
  end(error?: CriError): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    if (error === undefined) this.#reader?.resolve({ done: true, value: undefined });
    else this.#reader?.reject(error);
    this.#reader = undefined;
    this.#onEnd();
  }

  next(): Promise<IteratorResult<T>> {
    const value = this.#waiting.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    if (this.#end?.error !== undefined) return Promise.reject(this.#end.error);
    if (this.#end !== undefined) return Promise.resolve({ done: true, value: undefined });
    this.#reader = Promise.withResolvers();
    return this.#reader.promise;
  }

  /** The reader has had enough. */
  return(): Promise<IteratorResult<T>> {
    this.#waiting = [];
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
