/** Commands that documents and recipes name: they are there, with the options that are used. */
import assert from "node:assert/strict";
import type { Command } from "commander";
import { allCommands, commandTree } from "../../src/cli/command_tree.ts";
import { buildProgram } from "../../src/cli/program.ts";
import { ROOT } from "../check/source.ts";
import { PROGRAM, PROGRAM_ARGS } from "../world/program.ts";
import { sh } from "../world/sh.ts";

const commands = allCommands(commandTree(buildProgram(() => {})));

/** Lines of documents and recipes that call the program, from its name on. */
async function calls(): Promise<{ path: string; words: string[] }[]> {
  const listed = await sh("find", ROOT, "-name", "*.md", "-not", "-path", "*/.tools/*");
  const recipes = await sh("find", `${ROOT}packaging`, "-type", "f", "-name", "*.y*ml");
  const found = [];
  for (const path of `${listed}${recipes}`.trim().split("\n")) {
    const text = (await Deno.readTextFile(path)).replaceAll(/\\\n\s*/g, "");
    // In blocks of code, and in `code`.
    for (
      const [, line = ""] of text.matchAll(
        /^(?: {4,}|\s*- \[?)(?:sudo |\S*\/)?cri-containerd,? ([a-z].*)$/gm,
      )
    ) {
      found.push({ path, words: line.replace(/ +#.*$/, "").split(/[\s,\]]+/).filter(Boolean) });
    }
    for (const [, line = ""] of text.matchAll(/`(?:\.\/dev run|cri-containerd) ([a-z][^`]*)`/g)) {
      found.push({ path, words: line.split(/\s+/) });
    }
  }
  return found;
}

Deno.test("commands of cri-containerd that documents name are there, with their options", async () => {
  const all = await calls();
  assert.ok(all.length > 25, `${all.length}`);
  for (const { path, words } of all) {
    const call = words.join(" ");
    const command = commands.toSorted((a, b) => b.path.length - a.path.length)
      .find((one) => one.path !== "" && `${call} `.startsWith(`${one.path} `));
    assert.ok(command !== undefined, `${path}: cri-containerd ${call}`);
    for (const word of words.filter((word) => word.startsWith("--"))) {
      const flag = word.split("=")[0];
      const isKnown = command.options.some((option) => option.flag === flag);
      assert.ok(isKnown, `${path}: cri-containerd ${call} has no ${word}`);
    }
  }
});

/** Lines of a terminal as it is opened. */
const SCREEN = 24;

Deno.test("the help of every command fits a screen of 24 lines", () => {
  const all = (command: Command): Command[] => [command, ...command.commands.flatMap(all)];
  for (const command of all(buildProgram(() => {}))) {
    const help = command.helpInformation();
    assert.ok(help.trimEnd().split("\n").length <= SCREEN, help);
  }
});

for (const args of [["config", "default"], ["permissions"], ["version"], ["man"]]) {
  Deno.test(`cri-containerd ${args.join(" ")} does what documents say of it`, async () => {
    const printed = await sh(PROGRAM, ...PROGRAM_ARGS, ...args);
    assert.ok(printed.length > 20);
  });
}
