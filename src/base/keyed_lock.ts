/** One lock per key: verbs on the same pod or container come one after another. */

/** Locks by key; a key costs nothing while nobody holds or waits for it. */
export class KeyedLock<K> {
  readonly #tails = new Map<K, Promise<void>>();

  /** Whether somebody has the key, or waits for it. */
  isTaken(key: K): boolean {
    return this.#tails.has(key);
  }

  /**
   * Runs `work` alone among all calls for this key, in order of arrival.
   *
   * @throws the signal's reason when it is aborted before the turn came
   */
  async run<T>(key: K, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    const { promise: done, resolve } = Promise.withResolvers<void>();
    const tail = before === undefined ? done : before.then(() => done);
    this.#tails.set(key, tail);
    try {
      if (before !== undefined) await waitFor(before, signal);
      return await work();
    } finally {
      resolve();
      void tail.then(() => {
        if (this.#tails.get(key) === tail) this.#tails.delete(key);
      });
    }
  }
}

/**
 * Waits for a promise no longer than the signal allows.
 *
 * @throws the signal's reason
 */
export async function waitFor<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  // Whoever gives up leaves the promise to others; its failure is not unhandled then.
  promise.catch(() => undefined);
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
