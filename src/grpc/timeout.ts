/** Deadlines as `grpc-timeout` carries them: at most eight digits and a unit. */

const MS_OF_UNIT: ReadonlyMap<string, number> = new Map([
  ["H", 3_600_000],
  ["M", 60_000],
  ["S", 1_000],
  ["m", 1],
  ["u", 0.001],
  ["n", 0.000_001],
]);
const MAX_DIGITS = 99_999_999;

/** In milliseconds; undefined for what is no timeout. */
export function parseTimeout(text: string): number | undefined {
  const unit = MS_OF_UNIT.get(text.slice(-1));
  const digits = text.slice(0, -1);
  if (unit === undefined || !/^\d{1,8}$/.test(digits)) return undefined;
  return Number(digits) * unit;
}

export function formatTimeout(ms: number): string {
  const whole = Math.max(1, Math.ceil(ms));
  return whole <= MAX_DIGITS ? `${whole}m` : `${Math.min(Math.ceil(whole / 1_000), MAX_DIGITS)}S`;
}
