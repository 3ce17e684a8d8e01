/** How a test says that it can't run here: it is ignored, and its name ends with the reason. */

/** Name and ignore of a test, to be spread into its definition. */
export interface Skippable {
  readonly name: string;
  readonly ignore: boolean;
}

/**
 * For tests that need something: `Deno.test({ ...whereGoIs("the sentence"), fn })` with
 * `const whereGoIs = skipUnless(go !== undefined, "no Go here")`.
 */
export function skipUnless(can: boolean, reason: string): (sentence: string) => Skippable {
  return (sentence) =>
    can
      ? { name: sentence, ignore: false }
      : { name: `${sentence} (skipped: ${reason})`, ignore: true };
}
