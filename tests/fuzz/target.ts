/** Something that takes input from outside, and how it is tried. */
import fc from "fast-check";
import { CriError, type Kind, KINDS } from "../../src/base/errors.ts";
import { inputsLike } from "./inputs.ts";

export interface Target {
  readonly name: string;
  /** Inputs that are right, to be changed. */
  readonly examples: readonly (string | Uint8Array<ArrayBuffer>)[];
  /** Takes one input to its end; a refusal is thrown. */
  take(input: Uint8Array<ArrayBuffer>): void | Promise<void>;
  /** The kinds of its refusals; all but internal if left out. */
  readonly kinds?: readonly Kind[];
  /** Whether it refuses by an error of its own. */
  readonly isRefusal?: (error: unknown) => boolean;
}

/** Of text; what isn't UTF-8 comes with replacement characters, as readers of files hand it on. */
export function textTarget(
  target: Omit<Target, "take"> & { take(text: string): void | Promise<void> },
): Target {
  const decoder = new TextDecoder();
  return { ...target, take: (input) => target.take(decoder.decode(input)) };
}

export interface Tried {
  readonly cases: number;
  /** The shortest input that was found to break it, and how. */
  readonly failure: string | undefined;
  readonly slowestMs: number;
}

const REFUSALS = KINDS.filter((kind) => kind !== "internal");

/** Prototypes that no input may reach. */
const PROTOTYPES: readonly object[] = [
  Object.prototype,
  Array.prototype,
  Map.prototype,
  Function.prototype,
];

/** Tries so many inputs, the same ones for the same seed. */
export async function tryTarget(
  target: Target,
  { cases, seed }: { cases: number; seed: number },
): Promise<Tried> {
  const encoder = new TextEncoder();
  const examples = target.examples.map((one) =>
    typeof one === "string" ? encoder.encode(one) : one
  );
  for (const example of examples) await assertTakes(target, example);
  const before = PROTOTYPES.map(membersOf);
  let slowestMs = 0;
  const property = fc.asyncProperty(inputsLike(examples), async (input) => {
    const began = performance.now();
    try {
      await target.take(input);
    } catch (error) {
      if (!isRefusal(target, error)) throw error;
    }
    slowestMs = Math.max(slowestMs, performance.now() - began);
    PROTOTYPES.forEach((prototype, index) => {
      if (membersOf(prototype) !== before[index]) throw new Error("a prototype has changed");
    });
  });
  const result = await fc.check(property, { numRuns: cases, seed });
  if (!result.failed) return { cases, failure: undefined, slowestMs };
  const [input = new Uint8Array()] = result.counterexample ?? [];
  const text = JSON.stringify(new TextDecoder().decode(input).slice(0, 2_000));
  const error = result.errorInstance;
  const why = error instanceof Error ? error.stack ?? error.message : String(error);
  return {
    cases: result.numRuns,
    failure: `${target.name} breaks on ${text} (base64 ${
      input.toBase64().slice(0, 2_000)
    }):\n${why}`,
    slowestMs,
  };
}

/** An example that is refused would have only refusals tried. */
async function assertTakes(
  { name, take }: Target,
  example: Uint8Array<ArrayBuffer>,
): Promise<void> {
  try {
    await take(example);
  } catch (cause) {
    throw new Error(`an example of ${name} is refused`, { cause });
  }
}

function isRefusal({ kinds = REFUSALS, isRefusal }: Target, error: unknown): boolean {
  if (isRefusal?.(error) === true) return true;
  return error instanceof CriError && kinds.includes(error.kind);
}

function membersOf(prototype: object): string {
  return Reflect.ownKeys(prototype).map(String).join();
}
