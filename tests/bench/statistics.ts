/** Numbers of rounds that ran in pairs, and what they say together. */

/** The value below which this share of the samples lies. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? NaN;
  const above = sorted[Math.ceil(at)] ?? NaN;
  return below + (above - below) * (at - Math.floor(at));
}

export const median = (samples: readonly number[]) => percentile(samples, 0.5);

/** One side's number in each round, and the other's; without the other it is our own business. */
export interface Row {
  readonly what: string;
  readonly unit: Unit;
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  /** What we want: a ratio if there is another side, else a number of our own. */
  readonly goal?: Goal;
}

/** "" is a number of nothing. */
export type Unit = "" | "µs" | "ms" | "s" | "/s" | "MiB" | "MiB/s" | "MB/s" | "lines" | "%";

export interface Goal {
  readonly limit: number;
  /** Times and memory have a most, rates a least. */
  readonly is: "atMost" | "atLeast";
}

export interface Summary {
  readonly ours: number;
  readonly theirs: number | undefined;
  /** Ours by theirs, round by round: the median, and how far the rounds lie apart. */
  readonly ratio: number | undefined;
  readonly spread: readonly [number, number] | undefined;
  readonly isMet: boolean | undefined;
}

export function summarize({ ours, theirs, goal }: Row): Summary {
  const own = median(ours);
  if (theirs.length === 0) {
    return {
      ours: own,
      theirs: undefined,
      ratio: undefined,
      spread: undefined,
      isMet: met(own, goal),
    };
  }
  const ratios = ours.map((value, round) => value / (theirs[round] ?? NaN));
  const ratio = median(ratios);
  return {
    ours: own,
    theirs: median(theirs),
    ratio,
    spread: [Math.min(...ratios), Math.max(...ratios)],
    isMet: met(ratio, goal),
  };
}

function met(value: number, goal: Goal | undefined): boolean | undefined {
  if (goal === undefined) return undefined;
  return goal.is === "atMost" ? value <= goal.limit : value >= goal.limit;
}

export const atMost = (limit: number): Goal => ({ limit, is: "atMost" });
export const atLeast = (limit: number): Goal => ({ limit, is: "atLeast" });
