/** Waits for several pieces of work to end, whatever happens to each. */

/**
 * All results, once every piece has ended; when some failed, the first failure in their order.
 * For work that goes on beside failing siblings; see {@link import("./both.ts").both} for work
 * that a failing sibling should stop.
 */
export async function settled<T>(work: Promise<T>[]): Promise<T[]> {
  const ended = await Promise.allSettled(work);
  return ended.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
}
