/** Waiting, for tests on real things only. */

export function delay(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined));
}

/**
 * Asks until the answer is neither undefined nor false.
 *
 * @throws after `timeoutMs`, naming `what`
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 5_000,
): Promise<T> {
  for (const until = Date.now() + timeoutMs; Date.now() < until; await delay(20)) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
  }
  throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
}
