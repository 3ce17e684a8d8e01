/** The commands, their flags and their help. Each loads its own module when it is called. */
import { Command, CommanderError, Option } from "commander";
import type { CommandNode } from "./command_tree.ts";
import { LOG_FORMATS, LOG_LEVELS } from "../base/log_format.ts";
import { addNodeCommands } from "./node_commands.ts";
import { SERVE_FLAGS, type ServeFlags } from "./serve_flags.ts";

/** Exit codes: 0 it worked, 1 it failed, 2 it was called wrongly. */
export const USAGE_ERROR = 2;

/** Runs the command of an argument list and returns its exit code. */
export async function runProgram(args: readonly string[]): Promise<number> {
  let code = 0;
  const program = buildProgram((result) => code = result);
  try {
    await program.parseAsync([...args], { from: "user" });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help that was asked for is success; commander has written everything already.
    return error.exitCode === 0 ? 0 : USAGE_ERROR;
  }
}

type Report = (exitCode: number) => void;

/** The commands as data. */
async function tree(program: Command): Promise<CommandNode> {
  return (await import("./command_tree.ts")).commandTree(program);
}

/** All commands; what they end with is reported. */
export function buildProgram(report: Report): Command {
  const program = new Command("cri-containerd")
    .description("The Kubernetes CRI daemon for a stock containerd.")
    .helpCommand(false)
    .exitOverride()
    .showHelpAfterError("(--help shows what there is)");
  addServe(program, report);
  addConfig(program, report);
  addImages(program, report);
  addBundle(program, report);
  addNodeCommands(program, report);
  program.command("status")
    .description("tell whether the daemon serves; 1 when it doesn't")
    .option("--config <FILE>", "configuration")
    .option("--wait <SECONDS>", "give it so long to become ready")
    .option("--json", "for programs")
    .action(async (flags: { config?: string; json?: boolean; wait?: string }) => {
      report(await (await import("./status.ts")).printStatus(flags));
    });
  program.command("doctor")
    .description("tell if the node is fit for pods; 1 faults, 3 warnings")
    .option("--config <FILE>", "configuration")
    .option("--json", "for programs")
    .option("--bundle <FILE>", "write what a report of a fault needs, without secrets")
    .action(async (flags: { config?: string; json?: boolean; bundle?: string }) => {
      report(await (await import("./doctor.ts")).runDoctor(flags));
    });
  program.command("audit")
    .description("list or remove what gone pods left; 1 when any is left")
    .option("--config <FILE>", "configuration")
    .option("--fix", "remove it")
    .option("--json", "for programs")
    .action(async (flags: { config?: string; fix?: boolean; json?: boolean }) => {
      report(await (await import("./audit.ts")).runAudit(flags));
    });
  program.command("permissions")
    .description("show what each part of the daemon may do")
    .option("--config <FILE>", "configuration")
    .option("--json", "for programs")
    .action(async (flags: { config?: string; json?: boolean }) => {
      const { printPermissions } = await import("./permissions.ts");
      report(await printPermissions(flags));
    });
  program.command("version")
    .description("show the version")
    .option("--json", "for programs")
    .action(async (flags: { json?: boolean }) => {
      const { printVersion } = await import("./version.ts");
      report(printVersion(flags));
    });
  addTexts(program, report);
  return program;
}

/** What packages want: made of the commands themselves. */
function addTexts(program: Command, report: Report): void {
  // For packages; help that fits a screen has no room for them.
  program.command("completion <SHELL>", { hidden: true })
    .description("print the completion script of bash, zsh or fish")
    .action(async (shell: string) => {
      const { printCompletion } = await import("./texts.ts");
      report(printCompletion(shell, await tree(program)));
    });
  program.command("man", { hidden: true })
    .description("print the manual page")
    .action(async () => report((await import("./texts.ts")).printManual(await tree(program))));
}

/** Its help and its errors; the daemon itself is started by main.ts without coming here. */
function addServe(program: Command, report: Report): void {
  const serve = program.command("serve").description("run the daemon");
  for (const { flag, argument, meaning, isHidden } of SERVE_FLAGS) {
    serve.addOption(new Option(`${flag} <${argument}>`, meaning).hideHelp(isHidden ?? false));
  }
  serve.addHelpText(
    "after",
    `\nLevels: ${LOG_LEVELS.join(", ")}. Formats: ${LOG_FORMATS.join(", ")}.\n` +
      "SIGTERM stops the daemon, pods stay. SIGUSR1 switches debug logging on and off.",
  );
  serve.action(async (flags: ServeFlags) => {
    const { serve } = await import("./serve.ts");
    report(await serve(flags));
  });
}

function addConfig(program: Command, report: Report): void {
  const config = program.command("config").description("show or check the configuration")
    .helpCommand(false);
  config.command("default")
    .description("print the default configuration with its comments")
    .action(async () => report((await import("./config.ts")).printDefaultConfig()));
  config.command("check [FILE]")
    .description("list what is wrong in the configuration, with file and line")
    .action(async (file?: string) => report((await import("./config.ts")).checkConfig(file)));
  config.command("migrate <FILE>")
    .description("print the CRI part of a containerd configuration as ours")
    .action(async (file: string) => report(await (await import("./config.ts")).migrate(file)));
  config.command("docs")
    .description("print the documentation of all keys as Markdown")
    .action(async () => report((await import("./config.ts")).printConfigDocs()));
}

function addImages(program: Command, report: Report): void {
  const images = program.command("images").description(
    "list, pull, remove, import, export or explain images",
  )
    .helpCommand(false);
  const command = (usage: string, meaning: string) =>
    images.command(usage).description(meaning).option("--config <FILE>", "configuration");
  addArchives(command, report);
  command("ls", "list images")
    .option("--json", "for programs")
    .action(async (flags: { config?: string; json?: boolean }) => {
      report(await (await import("./images.ts")).listImages(flags));
    });
  command("pull <IMAGE...>", "fetch images from their registries and unpack them")
    .option("--username <NAME>", "user of the registry")
    .option("--password-stdin", "read the user's password from stdin")
    .option("--quiet", "show no progress")
    .action(async (
      references: string[],
      flags: { config?: string; username?: string; passwordStdin?: boolean; quiet?: boolean },
    ) => {
      report(await (await import("./images.ts")).pullImages(references, flags));
    });
  command("rm <IMAGE...>", "remove images under all their names")
    .action(async (names: string[], flags: { config?: string }) => {
      report(await (await import("./images.ts")).removeImages(names, flags));
    });
  command("explain <IMAGE>", "show which servers a pull asks, in order, and what they answer")
    .option("--offline", "ask nobody")
    .action(async (name: string, flags: { config?: string; offline?: boolean }) => {
      report(await (await import("./image_explain.ts")).explainImage(name, flags));
    });
}

function addBundle(program: Command, report: Report): void {
  const bundle = program.command("bundle")
    .description("bring a node without internet all as one file")
    .helpCommand(false);
  bundle.command("create")
    .description("on a machine with internet: write the file")
    .requiredOption("--out <FILE>", "the bundle")
    .option("--images-from <FILE>", "list of images, one a line")
    .option("--binaries <DIR>", "folder of containerd, its shims and runc")
    .option("--cni-plugins <DIR>", "folder of network plugins")
    .option("--executable <FILE>", "cri-containerd itself, if not this one")
    .option("--arch <NAME>", "architecture of the nodes, if not this machine's")
    .option("--config <FILE>", "configuration")
    .action(async (flags: import("./bundle_create.ts").CreateFlags) => {
      report(await (await import("./bundle_create.ts")).createBundle(flags));
    });
  bundle.command("load <FILE>")
    .description("on the node: check the file, then install what it holds")
    .option("--prefix <DIR>", "folder whose bin/ gets the programs", "/usr/local")
    .option("--config <FILE>", "configuration")
    .action(async (file: string, flags: import("./bundle_load.ts").LoadFlags) => {
      report(await (await import("./bundle_load.ts")).loadBundle(file, flags));
    });
}

function addArchives(
  command: (usage: string, meaning: string) => Command,
  report: Report,
): void {
  command("import <FILE...>", 'load archives of images, plain, gzip or zstd; "-" is stdin')
    .option("--base-name <NAME>", "repository for images that have only a tag")
    .option("--all-platforms", "keep images for other machines too")
    .action(async (
      files: string[],
      flags: { config?: string; baseName?: string; allPlatforms?: boolean },
    ) => {
      report(await (await import("./images.ts")).importImages(files, flags));
    });
  command("export <IMAGE...>", "write images into one archive of the OCI layout")
    .requiredOption("--output <FILE>", 'the archive; "-" is stdout')
    .option("--all-platforms", "everything of an index that is on the node")
    .action(async (
      names: string[],
      flags: { config?: string; output: string; allPlatforms?: boolean },
    ) => {
      report(await (await import("./images.ts")).exportImages(names, flags));
    });
}
