/** Steps that can be taken back: each registered before the call that it takes back. */
import { logger } from "./log.ts";

const log = logger("undo");

/** All undo steps together may take this long; the request's own deadline never applies to them. */
const UNDO_TIMEOUT_MS = 60_000;

type Step = { name: string; undo: (signal: AbortSignal) => Promise<void> | void };

/**
 * Named undo steps, run in reverse order with a deadline of their own.
 *
 * It stops at the first step that fails, because what lies below depends on it (a network
 * namespace must not go while its CNI attachment stands), and tells what is left. A step added
 * after it ran is undone at once.
 */
export class Undo {
  readonly #steps: Step[] = [];
  #state: "open" | "kept" | "undone" = "open";

  /** Registers how to take a step back. Call it before the step, for the step can half succeed. */
  async add(name: string, undo: Step["undo"]): Promise<void> {
    if (this.#state === "undone") {
      log.warn("{step} came after its request had failed and is undone at once", { step: name });
      await undo(AbortSignal.timeout(UNDO_TIMEOUT_MS));
      return;
    }
    this.#steps.push({ name, undo });
  }

  /** Everything succeeded: nothing will be undone. */
  keep(): void {
    this.#state = "kept";
    this.#steps.length = 0;
  }

  /**
   * Takes all steps back, the last first.
   *
   * @returns the names of the steps that still stand, empty when all was undone
   */
  async run(timeoutMs = UNDO_TIMEOUT_MS): Promise<string[]> {
    if (this.#state === "kept") return [];
    this.#state = "undone";
    const signal = AbortSignal.timeout(timeoutMs);
    while (true) {
      const step = this.#steps.at(-1);
      if (step === undefined) return [];
      try {
        await step.undo(signal);
      } catch (error) {
        log.error("Cannot undo {step}: {error}", { step: step.name, error });
        return this.#steps.map((left) => left.name).reverse();
      }
      this.#steps.pop();
    }
  }
}
