/** `cri-containerd man`: the manual page, of the same source as the help. */
import { DEFAULT_CONFIG_PATH } from "../config/load.ts";
import { TABLE } from "../config/table.ts";
import { VERSION } from "./version.ts";
import { allCommands, type CommandNode } from "./command_tree.ts";

/** In the language of man(7). */
export function manPage(tree: CommandNode): string {
  const commands = allCommands(tree).filter(({ commands }) => commands.length === 0);
  return [
    `.TH CRI-CONTAINERD 8 "" "cri-containerd ${VERSION}"`,
    ".SH NAME",
    `cri-containerd \\- ${roff(tree.meaning)}`,
    ".SH SYNOPSIS",
    ".B cri-containerd",
    "command [option...] [argument...]",
    ".SH DESCRIPTION",
    "cri-containerd stands between the kubelet and containerd. It serves the Kubernetes Container " +
    "Runtime Interface on a unix socket, drives a containerd, and connects pods to the network " +
    "by CNI plugins.",
    ".SH COMMANDS",
    ...commands.flatMap(commandLines),
    ".SH FILES",
    ...files().flatMap(([path, meaning]) => [".TP", `.I ${roff(path)}`, roff(meaning)]),
    ".SH SIGNALS",
    "SIGTERM and SIGINT stop the daemon; pods stay. SIGUSR1 switches debug logging on and off.",
    ".SH EXIT STATUS",
    "0 for success, 1 for failure, 2 for a wrong call.",
    ".SH SEE ALSO",
    ".BR containerd (8),",
    ".BR crictl (1)",
    "",
  ].join("\n");
}

function commandLines({ path, args, meaning, options }: CommandNode): string[] {
  return [
    `.SS ${roff(`${path} ${args}`.trim())}`,
    roff(capital(meaning)) + ".",
    ...options.flatMap(({ flag, argument, meaning }) => [
      ".TP",
      argument === "" ? `.B ${roff(flag)}` : `.BI ${roff(flag)} " ${roff(argument)}"`,
      roff(capital(meaning)),
    ]),
  ];
}

function files(): [string, string][] {
  const { root, state } = TABLE.keys;
  return [
    [DEFAULT_CONFIG_PATH, "The configuration; drop-ins lie in conf.d beside it."],
    [String(root.default), root.meaning],
    [String(state.default), state.meaning],
  ];
}

function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

/** Text as roff takes it for text: no escapes, no requests, and hyphens that can be copied. */
function roff(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replace(/^(['.])/, "\\&$1");
}
