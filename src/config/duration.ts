/** Durations as the configuration writes them: "90s", "5m", "1h30m". */

const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;
const DURATION = /^(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?(?:(\d{1,6})ms)?$/;

/** Milliseconds of a duration such as "1h30m" or "500ms"; undefined for any other text. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (match === null || text === "") return undefined;
  const [, hours, minutes, seconds, milliseconds] = match;
  return Number(hours ?? 0) * UNITS_MS.h + Number(minutes ?? 0) * UNITS_MS.m +
    Number(seconds ?? 0) * UNITS_MS.s + Number(milliseconds ?? 0);
}

/** The shortest text of a duration; the inverse of {@link parseDuration}. */
export function formatDuration(ms: number): string {
  let rest = ms;
  let text = "";
  for (const unit of ["h", "m", "s", "ms"] as const) {
    const count = Math.floor(rest / UNITS_MS[unit]);
    rest -= count * UNITS_MS[unit];
    if (count > 0) text += `${count}${unit}`;
  }
  return text === "" ? "0s" : text;
}
