/** The commands as data, for the texts that are made of them: completion and the man page. */
import type { Argument, Command, Option } from "commander";

/** A command, or a group of commands. */
export interface CommandNode {
  /** Words after the program's name, such as "images pull"; "" is the program itself. */
  readonly path: string;
  readonly meaning: string;
  /** As in its help: `<IMAGE...>`. */
  readonly args: string;
  readonly options: readonly OptionNode[];
  readonly commands: readonly CommandNode[];
}

export interface OptionNode {
  /** `--config`. */
  readonly flag: string;
  /** The argument's name, such as FILE; "" for a flag that takes none. */
  readonly argument: string;
  readonly meaning: string;
}

const HELP: OptionNode = { flag: "--help", argument: "", meaning: "show what there is" };

export function commandTree(command: Command, path = ""): CommandNode {
  return {
    path,
    meaning: command.description(),
    args: command.registeredArguments.map(written).join(" "),
    options: [...command.options.filter(({ hidden }) => !hidden).map(optionNode), HELP],
    commands: command.commands.map((sub) => commandTree(sub, `${path} ${sub.name()}`.trim())),
  };
}

/** The node itself and everything below it, in the order of help. */
export function allCommands(node: CommandNode): CommandNode[] {
  return [node, ...node.commands.flatMap(allCommands)];
}

function written(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

function optionNode({ long, flags, description }: Option): OptionNode {
  return { flag: long ?? flags, argument: /<(.+)>/.exec(flags)?.[1] ?? "", meaning: description };
}
