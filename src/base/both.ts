/** Parallel branches that acquire things: never left behind half done. */

type Branch<T> = (signal: AbortSignal) => Promise<T>;

/**
 * Runs two branches at the same time and settles both before it returns or throws.
 * When one fails, the other's signal is aborted, it is awaited, and the first cause is thrown.
 */
export async function both<A, B>(
  signal: AbortSignal,
  first: Branch<A>,
  second: Branch<B>,
): Promise<[A, B]> {
  const abort = new AbortController();
  const shared = AbortSignal.any([signal, abort.signal]);
  let cause: { error: unknown } | undefined;
  const guard = async <T>(branch: Branch<T>): Promise<T> => {
    try {
      return await branch(shared);
    } catch (error) {
      if (cause === undefined) {
        cause = { error };
        abort.abort(error);
      }
      throw error;
    }
  };
  const [a, b] = await Promise.allSettled([guard(first), guard(second)]);
  if (a.status === "fulfilled" && b.status === "fulfilled") return [a.value, b.value];
  throw cause?.error;
}
