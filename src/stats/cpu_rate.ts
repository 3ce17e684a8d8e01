/** How busy a cgroup's CPUs are, from two readings some time apart. */

interface Reading {
  readonly atNs: bigint;
  readonly usageNs: bigint;
}

const NS_PER_S = 1_000_000_000n;

/** A shorter window would tell of the moment in which somebody asked. */
const MIN_WINDOW_NS = NS_PER_S;

/** A start longer ago than this says nothing about how busy something is now. */
const MAX_START_AGE_NS = 20n * NS_PER_S;

/** The rate over the last window that was long enough. */
export class CpuRate {
  #from: Reading;
  #isFirst = true;
  #nanoCores: bigint | undefined;

  /** @param startedAtNs when it had used nothing yet; the first window may begin there */
  constructor(startedAtNs: bigint) {
    this.#from = { atNs: startedAtNs, usageNs: 0n };
  }

  /** Takes a reading and gives the rate: billionths of a core, undefined while it isn't known. */
  update(to: Reading): bigint | undefined {
    const from = this.#from;
    const windowNs = to.atNs - from.atNs;
    const isTooOld = this.#isFirst && windowNs > MAX_START_AGE_NS;
    if (isTooOld || to.usageNs < from.usageNs) {
      this.#next(to);
    } else if (windowNs >= MIN_WINDOW_NS) {
      this.#nanoCores = (to.usageNs - from.usageNs) * NS_PER_S / windowNs;
      this.#next(to);
    }
    return this.#nanoCores;
  }

  #next(reading: Reading): void {
    this.#from = reading;
    this.#isFirst = false;
  }
}
