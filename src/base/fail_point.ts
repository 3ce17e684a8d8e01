/**
 * A stage of requests that is made to fail or to hang, for tests that want to see what a failure
 * there leaves. Only the flag `serve --fail-point` sets it; no configuration can.
 */
import { CriError, invalidArgument } from "./errors.ts";
import { logger } from "./log.ts";

const log = logger("fail point");

export interface FailPoint {
  readonly kind: "error" | "hang";
  /** Whether the stage's work has been done. */
  readonly when: "before" | "after";
  readonly stage: string;
}

const SPEC = /^(error|hang) (before|after) (.+)$/;

let current: FailPoint | undefined;

/** @throws CriError invalidArgument for one that isn't like `hang after attach the network` */
export function parseFailPoint(text: string): FailPoint {
  const [, kind, when, stage = ""] = SPEC.exec(text) ?? [];
  if ((kind === "error" || kind === "hang") && (when === "before" || when === "after")) {
    return { kind, when, stage };
  }
  throw invalidArgument(
    "--fail-point",
    `${JSON.stringify(text)} is not "error" or "hang", "before" or "after", and a stage`,
  );
}

/** Sets that of this thread. */
export function setFailPoint(point: FailPoint | undefined): void {
  current = point;
}

/** Called by every stage. @throws CriError internal where it is to fail */
export async function passFailPoint(when: FailPoint["when"], stage: string): Promise<void> {
  if (current === undefined || current.when !== when || current.stage !== stage) return;
  log.warn("At the fail point: {kind} {when} {stage}", { ...current });
  if (current.kind === "hang") await new Promise(() => {});
  throw new CriError("internal", `Fail point ${when} ${stage}`);
}
