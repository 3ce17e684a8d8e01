/** What a section of the benchmark is, and rounds in pairs. */
import type { Row } from "../statistics.ts";
import type { Node, Ours, Side } from "../sides.ts";

export interface Arena {
  readonly node: Node;
  readonly ours: Ours;
  readonly theirs: Side;
  /** Pairs of rounds; 0 is the section's own number. */
  readonly rounds: number;
  /** Says what is under way. */
  note(text: string): void;
}

export interface Section {
  /** What is measured, in a sentence under its title. */
  readonly meaning: string;
  measure(arena: Arena): Promise<Row[]>;
}

/** What one side came to in one round, by name. */
export type Round = Readonly<Record<string, number>>;

export interface Pairs {
  readonly ours: readonly Round[];
  readonly theirs: readonly Round[];
}

/** Runs rounds in pairs; who comes first changes, so that neither always follows the other. */
export async function inPairs(
  arena: Arena,
  rounds: number,
  run: (side: Side) => Promise<Round>,
): Promise<Pairs> {
  const ours: Round[] = [];
  const theirs: Round[] = [];
  const sides = [[arena.ours, ours], [arena.theirs, theirs]] as const;
  const count = arena.rounds > 0 ? arena.rounds : rounds;
  for (let round = 0; round < count; round++) {
    arena.note(`round ${round + 1} of ${count}`);
    for (const [side, results] of round % 2 === 0 ? sides : sides.toReversed()) {
      results.push(await run(side));
    }
  }
  return { ours, theirs };
}

/** A row of what both sides have under a name. */
export function rowOf(
  { ours, theirs }: Pairs,
  { name, ...row }: { name: string } & Pick<Row, "what" | "unit" | "goal">,
): Row {
  const pick = (rounds: readonly Round[]) => rounds.map((round) => round[name] ?? NaN);
  return { ...row, ours: pick(ours), theirs: pick(theirs) };
}

/** How long it takes, in milliseconds. */
export async function timed(work: () => unknown): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
