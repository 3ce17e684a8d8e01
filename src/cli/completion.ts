/** `cri-containerd completion`: scripts that let shells complete our commands. */
import { LOG_FORMATS, LOG_LEVELS } from "../base/log_format.ts";
import { allCommands, type CommandNode, type OptionNode } from "./command_tree.ts";

export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = typeof SHELLS[number];

/** What stands for an argument: fixed words, files or folders. */
type Completion = readonly string[] | "files" | "folders" | "nothing";

/** By the names that help gives to arguments. */
function completionOf(argument: string): Completion {
  switch (argument.replace(/\.\.\.$/, "")) {
    case "LEVEL":
      return LOG_LEVELS;
    case "FORMAT":
      return LOG_FORMATS;
    case "SHELL":
      return SHELLS;
    case "FILE":
    case "SOCKET":
      return "files";
    case "DIR":
      return "folders";
    default:
      return "nothing";
  }
}

export function completionScript(shell: Shell, tree: CommandNode): string {
  switch (shell) {
    case "bash":
      return bashScript(tree);
    case "zsh":
      return zshScript(tree);
    case "fish":
      return fishScript(tree);
  }
}

/** The argument of a command that is completed: the first, or that which repeats. */
function positional({ args }: CommandNode): Completion {
  return completionOf(/^[<[]([^>\]]+)/.exec(args)?.[1] ?? "");
}

function wordsOf(node: CommandNode): string[] {
  const own = positional(node);
  const words = own === "files" || own === "folders" || own === "nothing" ? [] : own;
  return [...node.commands.map(lastWord), ...words, ...node.options.map(({ flag }) => flag)];
}

function lastWord({ path }: CommandNode): string {
  return path.split(" ").at(-1) ?? "";
}

/** Options of all commands, each once: a name means the same everywhere. */
function argumentOptions(tree: CommandNode): OptionNode[] {
  const all = allCommands(tree).flatMap(({ options }) => options);
  return [...new Map(all.map((option) => [option.flag, option])).values()]
    .filter(({ argument }) => argument !== "");
}

function compgen(completion: Completion): string {
  if (completion === "files") return 'compgen -f -- "$cur"';
  if (completion === "folders") return 'compgen -d -- "$cur"';
  if (completion === "nothing") return "true";
  return `compgen -W "${completion.join(" ")}" -- "$cur"`;
}

function bashScript(tree: CommandNode): string {
  const nodes = allCommands(tree);
  const paths = nodes.slice(1).map(({ path }) => `"${path}"`).join(" | ");
  const options = argumentOptions(tree).map(({ flag, argument }) =>
    `    ${flag}) mapfile -t COMPREPLY < <(${compgen(completionOf(argument))}); return ;;`
  );
  const words = nodes.map((node) => {
    const own = positional(node);
    const files = own === "files" || own === "folders" ? `; ${compgen(own)}` : "";
    return `    "${node.path}") mapfile -t COMPREPLY < <(${compgen(wordsOf(node))}${files}) ;;`;
  });
  return `# bash completion for cri-containerd
_cri_containerd() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path="" next at
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    next="\${path:+$path }\${COMP_WORDS[at]}"
    case $next in
    ${paths}) path=$next ;;
    esac
  done
  case \${COMP_WORDS[COMP_CWORD - 1]} in
${options.join("\n")}
  esac
  case $path in
${words.join("\n")}
  esac
}
complete -o filenames -F _cri_containerd cri-containerd
`;
}

function zshAction(completion: Completion): string {
  if (completion === "files") return "_files";
  if (completion === "folders") return "_files -/";
  return completion === "nothing" ? " " : `(${completion.join(" ")})`;
}

function zshScript(tree: CommandNode): string {
  const cases = allCommands(tree).map((node) => {
    const options = node.options.map(({ flag, argument, meaning }) => {
      const action = argument === "" ? "" : `:${argument}:${zshAction(completionOf(argument))}`;
      return `      '${flag}[${meaning.replace(/['[\]:]/g, " ")}]${action}'`;
    });
    const subs = node.commands.map((sub) => `${lastWord(sub)}:${sub.meaning}`.replaceAll("'", ""));
    const lines = subs.length > 0
      ? [`    local -a commands=(${subs.map((sub) => `'${sub}'`).join(" ")})`]
      : [];
    const rest = subs.length > 0
      ? `'*:command:{ _describe command commands }'`
      : `'*:argument:${zshAction(positional(node))}'`;
    return [`  "${node.path}")`, ...lines, "    _arguments \\", ...options.map((o) => `${o} \\`)]
      .concat(`      ${rest} ;;`).join("\n");
  });
  const paths = allCommands(tree).slice(1).map(({ path }) => `"${path}"`).join(" | ");
  return `#compdef cri-containerd
_cri_containerd() {
  local command="" next word
  for word in "\${(@)words[2,CURRENT-1]}"; do
    next="\${command:+$command }$word"
    case $next in
    ${paths}) command=$next ;;
    esac
  done
  case $command in
${cases.join("\n")}
  esac
}
compdef _cri_containerd cri-containerd
`;
}

/** In single quotes for fish. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "")}'`;
}

function fishScript(tree: CommandNode): string {
  const lines = allCommands(tree).flatMap((node) => {
    const condition = `-n '__cri_containerd_at "${node.path}"'`;
    const subs = node.commands.map((sub) =>
      `complete -c cri-containerd ${condition} -f -a ${lastWord(sub)} -d ${quote(sub.meaning)}`
    );
    const options = node.options.map(({ flag, argument, meaning }) => {
      const action = argument === "" ? "" : fishAction(completionOf(argument));
      const name = flag.replace(/^--/, "");
      return `complete -c cri-containerd ${condition} -l ${name} -d ${quote(meaning)}${action}`;
    });
    return [...subs, ...options, ...fishArguments(node, condition)];
  });
  const paths = allCommands(tree).slice(1).map(({ path }) => `"${path}"`).join(" ");
  return `# fish completion for cri-containerd
function __cri_containerd_at
  set -l path ""
  for word in (commandline -opc)[2..]
    set -l next (string trim "$path $word")
    if contains -- "$next" ${paths}
      set path $next
    end
  end
  test "$path" = "$argv[1]"
end
${lines.join("\n")}
`;
}

function fishAction(completion: Completion): string {
  if (completion === "files") return " -r -F";
  if (completion === "folders") return " -x -a '(__fish_complete_directories)'";
  return completion === "nothing" ? " -x" : ` -x -a '${completion.join(" ")}'`;
}

function fishArguments(node: CommandNode, condition: string): string[] {
  const own = positional(node);
  if (own === "files") return [];
  const words = own === "folders" || own === "nothing" ? "" : ` -a '${own.join(" ")}'`;
  return [`complete -c cri-containerd ${condition} -f${words}`];
}
