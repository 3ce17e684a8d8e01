/** A number of places that work takes turns on. */
import { waitFor } from "./keyed_lock.ts";

/** At most so many pieces of work at the same time; the others wait in the order they came. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Does work once there is a place for it. @throws the signal's reason while it waits */
  async run<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#take(signal);
    try {
      return await work();
    } finally {
      this.#give();
    }
  }

  async #take(signal: AbortSignal): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    try {
      await waitFor(promise, signal);
    } catch (error) {
      const index = this.#waiting.indexOf(resolve);
      // Its turn came in the same moment: the next one's it is.
      if (index < 0) this.#give();
      else this.#waiting.splice(index, 1);
      throw error;
    }
  }

  #give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
