/** How long to wait before starting again what went down. */

const FIRST_MS = 100;
const LONGEST_MS = 5_000;
/** What has been up for so long counts as healthy: the next wait is the shortest again. */
const HEALTHY_MS = 30_000;

/** Waits that double from 100 ms to 5 s, and begin anew after 30 s of health. */
export class Backoff {
  #nextMs = FIRST_MS;

  /** The wait before the next start, of something that was up for `upMs` this time. */
  next(upMs: number): number {
    if (upMs >= HEALTHY_MS) this.#nextMs = FIRST_MS;
    const waitMs = this.#nextMs;
    this.#nextMs = Math.min(waitMs * 2, LONGEST_MS);
    return waitMs;
  }
}
