/** `cri-containerd audit`: what pods left on the node, and its removal. */
import { type AuditDeps, findLeftovers, type Outcome, removeLeftovers } from "../audit/audit.ts";
import { withThisNode } from "../audit/this_node.ts";
import { configureLogging } from "../base/logging.ts";
import { errorText, scrub } from "../base/redact.ts";
import { print, printJson } from "./output.ts";

export interface AuditFlags {
  config?: string;
  fix?: boolean;
  json?: boolean;
}

/** A line for each thing that belongs to nobody; 1 when there are any that stay. */
export async function runAudit({ config, fix, json }: AuditFlags): Promise<number> {
  configureLogging({ level: "error", format: "text" });
  return await withThisNode(config, async (node) => {
    const outcomes = fix === true ? await removeLeftovers(node) : await found(node);
    const left = outcomes.filter(({ state }) => state !== "removed").length;
    if (json === true) printJson(outcomes.map(toJson));
    else {
      for (const outcome of outcomes) print(describe(outcome));
      print(summary(outcomes.length - left, left));
    }
    return left === 0 ? 0 : 1;
  });
}

async function found(node: AuditDeps): Promise<Outcome[]> {
  return (await findLeftovers(node)).map((leftover) => ({ leftover, state: "found" }));
}

/** What was found and, below, what to do or why it stays. */
export function describe({ leftover, state, error }: Outcome): string {
  const { text, remedy } = leftover;
  const why = error === undefined ? "" : `      ${scrub(textOf(error))}\n`;
  const advice = state === "removed" || remedy === "" ? "" : `      ${remedy}\n`;
  return `${state.padEnd(7)}  ${scrub(text)}\n${why}${advice}`;
}

function toJson({ leftover: { kind, name, text, remedy }, state, error }: Outcome) {
  return {
    kind,
    name,
    state,
    text,
    remedy,
    ...(error === undefined ? {} : { error: textOf(error) }),
  };
}

function textOf(error: unknown): string {
  return error instanceof Error ? errorText(error) : String(error);
}

function summary(removed: number, left: number): string {
  if (removed + left === 0) return "Nothing is left over: all that is here belongs to a pod.\n";
  const gone = removed === 0 ? "" : `${removed} removed`;
  const here = left === 0 ? "" : `${left} left over`;
  return `\n${[gone, here].filter((part) => part !== "").join(", ")}\n`;
}
