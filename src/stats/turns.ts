/** Long work on one thread that lets others have their turn. */

/** Work without a pause; the calls that wait for it don't notice so little. */
const SLICE_MS = 5;

/** Counts the time of one piece of work; `next` waits only when its slice is used up. */
export class Turns {
  #began = performance.now();

  async next(): Promise<void> {
    if (performance.now() - this.#began < SLICE_MS) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#began = performance.now();
  }
}
