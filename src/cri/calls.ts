/** The calls in progress, so that a daemon that stops can end those that would hold it up. */
export class CallsInProgress {
  readonly #callers = new Set<AbortController>();

  /** @returns to be called with the answer */
  begin(caller: AbortController): () => void {
    this.#callers.add(caller);
    return () => void this.#callers.delete(caller);
  }

  /** Aborts the signals of all of them. */
  cut(reason: unknown): void {
    for (const caller of this.#callers) caller.abort(reason);
  }
}
