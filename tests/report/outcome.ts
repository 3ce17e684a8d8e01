/** What came of a stage: counts, reasons of skips, and what to show of failures. */

export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** One line for each test that didn't run. */
  readonly skips: readonly string[];
  /** What the failed ones said; empty when none failed. */
  readonly failures: string;
}

export interface Ended {
  readonly code: number;
  readonly output: string;
}

/** A failure's output is cut at this many lines, from the front: errors come last. */
const MAX_FAILURE_LINES = 400;

/** A command that is one test: fmt, lint, check. */
export function ofCommand({ code, output }: Ended): Outcome {
  const failed = code === 0 ? 0 : 1;
  return { passed: 1 - failed, failed, skips: [], failures: failed > 0 ? lastLines(output) : "" };
}

/**
 * `deno test` in its own words, of which the last line counts tests. Its JUnit file isn't used, for
 * a module that fails to load is missing there.
 */
export function ofDenoTest({ code, output }: Ended): Outcome {
  const summary = output.matchAll(/^(?:ok|FAILED) \| (\d+) passed.*? \| (\d+) failed.*$/gm);
  const last = [...summary].at(-1);
  const skips = [...output.matchAll(/^(.+) \.\.\. ignored \(.*\)$/gm)].map(([, name]) =>
    name ?? ""
  );
  if (last === undefined) return { ...ofCommand({ code: 1, output }), skips };
  const failed = Number(last[2]);
  // A run can fail with every test passed: a type error, a leak found at the end.
  const broken = code !== 0 && failed === 0 ? 1 : 0;
  const errors = output.indexOf("\n ERRORS \n");
  return {
    passed: Number(last[1]),
    failed: failed + broken,
    skips,
    failures: failed + broken === 0 ? "" : lastLines(errors < 0 ? output : output.slice(errors)),
  };
}

const SKIP = "SKIP ";

/** A suite that prints FAIL and SKIP lines and ends with `N passed, N failed, N skipped`. */
export function ofSuite({ code, output }: Ended): Outcome {
  const last = [...output.matchAll(/^(\d+) passed, (\d+) failed, (\d+) skipped$/gm)].at(-1);
  if (last === undefined) return ofCommand({ code: code === 0 ? 1 : code, output });
  const [passed, failed, skipped] = [Number(last[1]), Number(last[2]), Number(last[3])];
  const lines = output.split("\n");
  const skips = lines.filter((line) => line.startsWith(SKIP)).map((line) =>
    line.slice(SKIP.length)
  );
  while (skips.length < skipped) skips.push("a test that the suite gave no reason for");
  const broken = code !== 0 && failed === 0 ? 1 : 0;
  const rest = lines.filter((line) => !line.startsWith(SKIP)).join("\n");
  const failures = failed + broken > 0 ? lastLines(rest) : "";
  return { passed, failed: failed + broken, skips, failures };
}

function lastLines(output: string): string {
  const lines = output.trim().split("\n");
  const cut = lines.length - MAX_FAILURE_LINES;
  return cut <= 0 ? lines.join("\n") : [`(${cut} lines before)`, ...lines.slice(cut)].join("\n");
}
