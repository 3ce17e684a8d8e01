/** What a look at the node finds: a line each. */

/** In order of weight: the worst one is the doctor's exit code. */
export const LEVELS = ["ok", "warn", "fail"] as const;
export type Level = (typeof LEVELS)[number];

export interface Finding {
  /** The heading of docs/troubleshoot.md that says more. */
  readonly check: string;
  readonly level: Level;
  /** What was found, on which object. */
  readonly text: string;
  /** What to do about it; "" when all is well. */
  readonly remedy: string;
}

/** Findings of one check. */
export interface Findings {
  ok(text: string): Finding;
  warn(text: string, remedy: string): Finding;
  fail(text: string, remedy: string): Finding;
}

export function findingsOf(check: string): Findings {
  return {
    ok: (text) => ({ check, level: "ok", text, remedy: "" }),
    warn: (text, remedy) => ({ check, level: "warn", text, remedy }),
    fail: (text, remedy) => ({ check, level: "fail", text, remedy }),
  };
}

export function worstOf(findings: readonly Finding[]): Level {
  const ranks = findings.map(({ level }) => LEVELS.indexOf(level));
  return LEVELS[Math.max(0, ...ranks)] ?? "fail";
}
