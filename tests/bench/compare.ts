/** What has become slower since an earlier measurement, beyond what rounds differ by anyway. */
import type { Chapters } from "./document.ts";
import type { SectionName } from "./sections/names.ts";
import { type Row, summarize } from "./statistics.ts";

/** A sentence for each number that is worse in its best round than it was in its worst. */
export function regressions(before: Chapters, now: Chapters): string[] {
  const names = Object.keys(now) as SectionName[];
  return names.flatMap((name) =>
    (now[name]?.rows ?? []).flatMap((row) => {
      const earlier = before[name]?.rows.find(({ what }) => what === row.what);
      const told = earlier && worse(earlier, row);
      return told === undefined ? [] : [`${name}: ${row.what} ${told}`];
    })
  );
}

function worse(before: Row, now: Row): string | undefined {
  const [was, is] = [summarize(before), summarize(now)];
  const [wasRounds, isRounds] = [roundsOf(before, was.spread), roundsOf(now, is.spread)];
  const isRate = now.unit.endsWith("/s");
  const isWorse = isRate ? isRounds[1] < wasRounds[0] : isRounds[0] > wasRounds[1];
  if (!isWorse) return undefined;
  const what = is.ratio === undefined ? now.unit : "of the other side's";
  const value = (summary: typeof is) => (summary.ratio ?? summary.ours).toFixed(2);
  return `was ${value(was)} and is ${value(is)} ${what}`;
}

/** The lowest and highest of the rounds: of the ratio, or where nobody is beside us of our own. */
function roundsOf(
  { ours }: Row,
  spread: readonly [number, number] | undefined,
): readonly [number, number] {
  return spread ?? [Math.min(...ours), Math.max(...ours)];
}
