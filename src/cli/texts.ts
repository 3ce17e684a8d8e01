/** Texts that are made of the commands, printed. */
import { CriError } from "../base/errors.ts";
import type { CommandNode } from "./command_tree.ts";
import { completionScript, SHELLS } from "./completion.ts";
import { manPage } from "./man.ts";
import { print } from "./output.ts";

/** @throws CriError for a shell that isn't known */
export function printCompletion(name: string, tree: CommandNode): number {
  const shell = SHELLS.find((known) => known === name);
  if (shell === undefined) {
    throw new CriError("invalidArgument", `There is no completion for ${JSON.stringify(name)}`, {
      remedy: `the shells are ${SHELLS.join(", ")}`,
    });
  }
  print(completionScript(shell, tree));
  return 0;
}

export function printManual(tree: CommandNode): number {
  print(manPage(tree));
  return 0;
}
