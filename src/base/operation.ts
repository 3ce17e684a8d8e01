/** A long piece of work made of named stages, each with its undo beside it. */
import { passFailPoint } from "./fail_point.ts";
import { elapsedMs, logger } from "./log.ts";
import { Undo } from "./undo.ts";

const log = logger("operation");

/** A stage that takes longer is logged with its name, and again each time as long passes. */
const SLOW_STAGE_MS = 10_000;

type Work<T> = () => Promise<T> | T;
type UndoStep = (signal: AbortSignal) => Promise<void> | void;

/**
 * Runs the stages of one request. `what` says what the request does to which object:
 * "run pod shop/web-0 (a1b2…)".
 */
export class Operation {
  readonly what: string;
  readonly signal: AbortSignal;
  readonly undo = new Undo();
  readonly #stages = new Set<string>();

  constructor(what: string, signal: AbortSignal) {
    this.what = what;
    this.signal = signal;
  }

  /** The stages that are at work now, for messages: "attach the network". */
  get stage(): string {
    return [...this.#stages].join(" and ") || "waiting";
  }

  /**
   * Runs one stage. Its undo is registered before it starts, because it can half succeed.
   *
   * @throws the signal's reason when the request was given up before the stage began
   */
  async step<T>(name: string, work: Work<T>, undo?: UndoStep): Promise<T> {
    this.signal.throwIfAborted();
    if (undo !== undefined) await this.undo.add(name, undo);
    this.#stages.add(name);
    const started = performance.now();
    const watchdog = setInterval(() => {
      const seconds = Math.round((performance.now() - started) / 1000);
      log.warn("Still trying to {what}: {stage} has taken {seconds} s", {
        what: this.what,
        stage: name,
        seconds,
      });
    }, SLOW_STAGE_MS);
    try {
      await passFailPoint("before", name);
      const result = await work();
      await passFailPoint("after", name);
      return result;
    } finally {
      clearInterval(watchdog);
      this.#stages.delete(name);
      log.debug("{stage} took {ms} ms to {what}", {
        stage: name,
        ms: elapsedMs(started),
        what: this.what,
      });
    }
  }
}
